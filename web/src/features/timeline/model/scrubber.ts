/** The bar at the side that shows the years and jumps to a month. */
import { type Section, sectionIndexAt, type TimelineLayout } from "./layout";

/** Year labels closer than this would touch [px]. */
const MIN_LABEL_GAP_PX = 26;
const MIN_TICK_GAP_PX = 7;

export interface Mark {
  /** Distance from the top of the bar (0-1). */
  at: number;
  /** The year, on its first mark; null on the marks of other months. */
  label: string | null;
}

/** Return the marks of a bar `barPx` high: a label per year and a tick per month, as far as there is room. */
export function scrubberMarks(layout: TimelineLayout, barPx: number): Mark[] {
  const marks: Mark[] = [];
  let year = "";
  let labelY = -Infinity;
  let markY = -Infinity;
  for (const section of layout.sections) {
    const at = layout.height === 0 ? 0 : section.top / layout.height;
    const y = at * barPx;
    const sectionYear = section.month.slice(0, 4);
    const startsYear = sectionYear !== year;
    year = sectionYear;
    if (startsYear && y - labelY >= MIN_LABEL_GAP_PX) {
      marks.push({ at, label: sectionYear });
      labelY = y;
      markY = y;
    } else if (y - markY >= MIN_TICK_GAP_PX) {
      marks.push({ at, label: null });
      markY = y;
    }
  }
  return marks;
}

/** Return where the view stands on the bar (0-1). */
export function fractionAt(layout: TimelineLayout, viewportHeight: number, top: number): number {
  const range = layout.height - viewportHeight;
  return range <= 0 ? 0 : Math.min(1, Math.max(0, top / range));
}

/** Return the top of the view for a place on the bar (0-1). */
export function topAtFraction(layout: TimelineLayout, viewportHeight: number, fraction: number): number {
  return Math.max(0, layout.height - viewportHeight) * Math.min(1, Math.max(0, fraction));
}

/**
 * Return the month that the view stands on, or null when there are none: the one at its top edge at the very start,
 * the one at its bottom edge at the very end, so that every month can be reached.
 */
export function sectionInView(layout: TimelineLayout, viewportHeight: number, top: number): Section | null {
  const y = top + viewportHeight * fractionAt(layout, viewportHeight, top);
  return layout.sections[sectionIndexAt(layout, y)] ?? null;
}
