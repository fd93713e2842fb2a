/** How fast the view moves, smoothed over the last frames. */

/** Faster than this, tiles pass in less than a sixth of a second [viewports/s]. */
const FAST_VIEWPORTS_PER_S = 6;
/** Weight of the newest frame. */
const SMOOTHING = 0.4;
/** After a pause of this length the view counts as resting [ms]. */
const REST_MS = 150;

export interface Velocity {
  top: number;
  atMs: number;
  /** Smoothed speed, always positive [px/s]. */
  pxPerS: number;
}

export const RESTING: Velocity = { top: 0, atMs: 0, pxPerS: 0 };

export function nextVelocity(last: Velocity, top: number, atMs: number): Velocity {
  const passedMs = atMs - last.atMs;
  if (passedMs <= 0) return last;
  if (passedMs > REST_MS) return { top, atMs, pxPerS: 0 };
  const now = (Math.abs(top - last.top) / passedMs) * 1000;
  return { top, atMs, pxPerS: last.pxPerS + (now - last.pxPerS) * SMOOTHING };
}

export function isFast(velocity: Velocity, viewportHeight: number): boolean {
  return velocity.pxPerS > FAST_VIEWPORTS_PER_S * viewportHeight;
}
