/**
 * Keeping the picture still while the timeline changes around it.
 *
 * Before a change the anchor names the first photo in view and how far it is from the top edge; after the change the
 * same photo is put at the same distance. By id where the month is loaded, else by its place in the month.
 */
import { sectionIndexAt, type TimelineLayout } from "./layout";
import type { MonthData } from "./month-data";

export interface Anchor {
  month: string;
  index: number;
  id: string | null;
  /** From the top edge of the viewport down to the top of the photo; negative when it is cut [px]. */
  offsetPx: number;
}

type MonthLookup = (month: string) => MonthData | undefined;

/** Return the anchor of the view at `top`; null at the very top, where new photos should push in, and when empty. */
export function anchorAt(layout: TimelineLayout, top: number, monthData: MonthLookup): Anchor | null {
  if (top <= 0) return null;
  const section = layout.sections[sectionIndexAt(layout, top)];
  if (section === undefined) return null;
  const [first] = section.body.rangeBetween(top - section.bodyTop, Infinity);
  const index = Math.min(first, section.count - 1);
  const offsetPx = section.bodyTop + section.body.boxAt(index).y - top;
  return { month: section.month, index, id: monthData(section.month)?.columns.ids[index] ?? null, offsetPx };
}

function indexIn(data: MonthData | undefined, anchor: Anchor, count: number): number {
  const byId = anchor.id === null ? -1 : (data?.columns.ids.indexOf(anchor.id) ?? -1);
  return byId >= 0 ? byId : Math.min(anchor.index, count - 1);
}

/** Return the top of the view that shows the anchor where it was; a month that is gone gives way to the next older one. */
export function topForAnchor(layout: TimelineLayout, anchor: Anchor | null, monthData: MonthLookup): number {
  if (anchor === null) return 0;
  const section = layout.sections.find(({ month }) => month <= anchor.month);
  if (section === undefined) return layout.height;
  if (section.month !== anchor.month) return section.top;
  const index = indexIn(monthData(anchor.month), anchor, section.count);
  return section.bodyTop + section.body.boxAt(index).y - anchor.offsetPx;
}
