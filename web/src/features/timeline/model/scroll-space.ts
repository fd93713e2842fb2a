/**
 * From the browser's scroll position to layout space, beyond the height that browsers allow an element.
 *
 * Browsers cap an element at 11 to 33 million px, and one million photos are higher. Up to `MAX_SCROLL_PX` the two
 * spaces are the same. Beyond it, small steps move both by the same distance, so that wheel and touch feel as always;
 * a jump (scroll bar, Home, End) is taken in proportion. The two then drift apart by the distance scrolled in small
 * steps; `recentre` brings them together when the wheel rests, or when an end of the scroll bar comes near too soon.
 */

/** Under every browser's cap, and small enough that 32-bit floats of the compositor keep half a pixel. */
export const MAX_SCROLL_PX = 6_000_000;
/** A step of more viewports than this within one frame is a jump. */
const JUMP_VIEWPORTS = 3;
/** Closer to an end of the scroll bar than this, drift is repaired at once [viewports]. */
const EDGE_VIEWPORTS = 2;

export interface ScrollSpace {
  /** Height of the element that is scrolled [px]. */
  readonly scrollHeight: number;
  readonly layoutHeight: number;
  readonly viewportHeight: number;
  readonly scrollTop: number;
  readonly layoutTop: number;
}

const clamp = (value: number, max: number) => Math.min(Math.max(value, 0), Math.max(max, 0));
const maxScroll = (space: ScrollSpace) => Math.max(0, space.scrollHeight - space.viewportHeight);
const maxLayout = (space: ScrollSpace) => Math.max(0, space.layoutHeight - space.viewportHeight);

/** Whether both spaces are one, because the layout fits into an element. */
export function isIdentity(space: ScrollSpace): boolean {
  return space.scrollHeight === space.layoutHeight;
}

/** Return the space for a layout and viewport, at `layoutTop`. */
export function makeScrollSpace(layoutHeight: number, viewportHeight: number, layoutTop = 0): ScrollSpace {
  const scrollHeight = Math.min(layoutHeight, MAX_SCROLL_PX);
  return moveTo({ scrollHeight, layoutHeight, viewportHeight, scrollTop: 0, layoutTop: 0 }, layoutTop);
}

/** Return the space at `layoutTop`, with the scroll position that shows the same part of the whole. */
export function moveTo(space: ScrollSpace, layoutTop: number): ScrollSpace {
  const top = clamp(layoutTop, maxLayout(space));
  if (isIdentity(space)) return { ...space, layoutTop: top, scrollTop: top };
  const scrollTop = maxLayout(space) === 0 ? 0 : Math.round((top / maxLayout(space)) * maxScroll(space));
  return { ...space, layoutTop: top, scrollTop };
}

/** Return the space after the browser scrolled to `scrollTop`. */
export function scrolledTo(space: ScrollSpace, scrollTop: number): ScrollSpace {
  const next = clamp(scrollTop, maxScroll(space));
  if (isIdentity(space)) return { ...space, scrollTop: next, layoutTop: next };
  const step = next - space.scrollTop;
  const isJump = Math.abs(step) > JUMP_VIEWPORTS * space.viewportHeight;
  const layoutTop = isJump ? (next / maxScroll(space)) * maxLayout(space) : space.layoutTop + step;
  return { ...space, scrollTop: next, layoutTop: snapToEnd(space, next, clamp(layoutTop, maxLayout(space))) };
}

/** One px of the scroll bar stands for several of the layout; at an end, the rest of that px must not be left over. */
function snapToEnd(space: ScrollSpace, scrollTop: number, layoutTop: number): number {
  const pxPerStep = maxLayout(space) / maxScroll(space);
  if (scrollTop === 0 && layoutTop < pxPerStep) return 0;
  const isLast = scrollTop === maxScroll(space) && maxLayout(space) - layoutTop < pxPerStep;
  return isLast ? maxLayout(space) : layoutTop;
}

/** Return the space with its drift repaired: the layout stays where it is, the scroll position follows. */
export function recentre(space: ScrollSpace): ScrollSpace {
  return isIdentity(space) ? space : moveTo(space, space.layoutTop);
}

/** Whether an end of the scroll bar is about to stop a layout that could still move. */
export function needsRecentre(space: ScrollSpace): boolean {
  if (isIdentity(space)) return false;
  const edge = EDGE_VIEWPORTS * space.viewportHeight;
  const atStart = space.scrollTop < edge && space.layoutTop > space.scrollTop;
  const below = maxScroll(space) - space.scrollTop;
  const atEnd = below < edge && maxLayout(space) - space.layoutTop > below;
  // Exactly at the true end the proportional position is the end itself; repairing would change nothing.
  return (atStart || atEnd) && recentre(space).scrollTop !== space.scrollTop;
}
