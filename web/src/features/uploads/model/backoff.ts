/** Waiting times between tries. */

const FIRST_MS = 1_000;
const MAX_MS = 30_000;
/** Together about three minutes: longer outages are for a person to retry. */
export const MAX_TRIES = 9;

/**
 * Return how long to wait before try `attempt` + 1 (attempt ≥ 1), between half and all of an exponential time.
 *
 * References:
 *   M. Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015), "equal jitter".
 */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(MAX_MS, FIRST_MS * 2 ** (attempt - 1));
  return ceiling / 2 + (ceiling / 2) * random();
}
