/** Which months to load, to let go, and to stop loading. */

/** Months kept in memory around the ones in view, so that turning back shows them at once. */
const KEEP_LOADED = 8;

export interface LoadState {
  /** Months in view, nearest to the middle first. */
  wanted: readonly string[];
  /** Months that are loaded, least recently seen first. */
  loaded: readonly string[];
  loading: readonly string[];
  /** Whether the view moves so fast that nothing on it can be looked at. */
  isFast: boolean;
}

export interface LoadPlan {
  load: string[];
  cancel: string[];
  drop: string[];
}

/**
 * Return what to do now. Loads of months that were scrolled past are cancelled, so that the ones looked at are not
 * queued behind them; while the view moves fast, nothing new is begun.
 */
export function planLoads({ wanted, loaded, loading, isFast }: LoadState): LoadPlan {
  const seen = new Set(wanted);
  const begun = new Set([...loaded, ...loading]);
  const unseen = loaded.filter((month) => !seen.has(month));
  return {
    load: isFast ? [] : wanted.filter((month) => !begun.has(month)),
    cancel: loading.filter((month) => !seen.has(month)),
    drop: unseen.slice(0, Math.max(0, unseen.length - KEEP_LOADED)),
  };
}
