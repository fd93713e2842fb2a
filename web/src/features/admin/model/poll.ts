/** How often live figures are asked for. Only while they are looked at: a hidden page asks for nothing. */

export const POLL_MS = 3_000;
/** A server in trouble is asked this many times less often. */
const REST_FACTOR = 4;

/** Return the wait until the next question [ms]. */
export function pollMs(hasFailed: boolean, baseMs = POLL_MS): number {
  return hasFailed ? baseMs * REST_FACTOR : baseMs;
}

/** Figures older than this are no longer called live: a few questions went unanswered. */
const STALE_MS = 4 * POLL_MS;

export type Freshness = "live" | "stale" | "offline";

export function freshnessOf(updatedAtMs: number, nowMs: number, isOnline: boolean, hasFailed: boolean): Freshness {
  if (!isOnline) return "offline";
  return hasFailed || nowMs - updatedAtMs > STALE_MS ? "stale" : "live";
}
