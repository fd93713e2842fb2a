/**
 * Photos that were removed here a moment ago and are no longer shown, although the server may not have done it yet, or
 * not told: that makes removing them look instant, and taking it back too, for what the server told is still there.
 */
export class HiddenPhotos {
  private readonly listeners = new Set<() => void>();
  private current: ReadonlySet<string> = new Set();
  /** When the server had removed a photo [ms, `performance.now()`]. */
  private readonly doneAtMs = new Map<string, number>();

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly ids = (): ReadonlySet<string> => this.current;

  hide(ids: readonly string[]): void {
    this.replace(new Set([...this.current, ...ids]));
  }

  /** Show them again. */
  show(ids: Iterable<string>): void {
    const gone = new Set(ids);
    for (const id of gone) this.doneAtMs.delete(id);
    this.replace(new Set([...this.current].filter((id) => !gone.has(id))));
  }

  /** The server has removed them: from its answer to the next question on they need not be hidden any more. */
  settle(ids: readonly string[]): void {
    for (const id of ids) if (this.current.has(id)) this.doneAtMs.set(id, performance.now());
  }

  /** Return the photos that cannot be in an answer to a question asked at `askedAtMs`: they were removed before. */
  settledBefore(askedAtMs: number): string[] {
    return [...this.doneAtMs].flatMap(([id, doneAtMs]) => (doneAtMs <= askedAtMs ? [id] : []));
  }

  private replace(ids: ReadonlySet<string>): void {
    if (ids.size === 0 && this.current.size === 0) return;
    this.current = ids;
    for (const listener of this.listeners) listener();
  }
}
