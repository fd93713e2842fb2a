/** What a drag across an open photo means. */

export interface Drag {
  dx: number;
  dy: number;
  elapsedMs: number;
}

export type SwipeResult = "previous" | "next" | "close" | "stay";

/** A slow drag counts beyond this part of the width. */
const FAR_FRACTION = 0.25;
/** A quick one counts from this speed and distance on [px/ms, px]. */
const FLICK_PX_PER_MS = 0.4;
const FLICK_MIN_PX = 24;
const CLOSE_PX = 110;

/** Return which way a drag leads: sideways to a neighbour, down to close; whatever is undecided stays. */
export function resolveSwipe({ dx, dy, elapsedMs }: Drag, widthPx: number): SwipeResult {
  const [across, down] = [Math.abs(dx), Math.abs(dy)];
  if (down > across) return dy > CLOSE_PX ? "close" : "stay";
  const isFlick = across > FLICK_MIN_PX && across / Math.max(elapsedMs, 1) > FLICK_PX_PER_MS;
  if (!isFlick && across < widthPx * FAR_FRACTION) return "stay";
  return dx > 0 ? "previous" : "next";
}
