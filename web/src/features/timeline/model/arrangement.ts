/** The whole timeline, arranged for the size of its element. */
import { type Density, planGrid, type Viewport } from "./grid";
import { layoutTimeline, type MonthCount, type TimelineLayout } from "./layout";

/** From this width on there are margins, and the scrubber stands beside the photos instead of over them. */
const WIDE_PX = 720;
const WIDE_INSET_PX = { left: 20, right: 64 };

export interface Arrangement {
  layout: TimelineLayout;
  /** From the left edge of the element to the first column [px]. */
  insetX: number;
}

export function arrange(months: readonly MonthCount[], { widthPx, heightPx }: Viewport, density: Density): Arrangement {
  const isWide = widthPx >= WIDE_PX;
  const gridWidthPx = isWide ? widthPx - WIDE_INSET_PX.left - WIDE_INSET_PX.right : widthPx;
  const layout = layoutTimeline(months, planGrid({ widthPx: gridWidthPx, heightPx }, density));
  return { layout, insetX: isWide ? WIDE_INSET_PX.left : 0 };
}
