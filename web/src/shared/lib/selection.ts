/**
 * The photos that a person has picked, by id. It lives outside of what draws them: a photo stays picked when its tile
 * is recycled, its month let go, or another page shown over it.
 */
export interface SelectionState {
  readonly ids: ReadonlySet<string>;
  /** Whether a click picks instead of opens: photos are picked, or the person asked to pick some. */
  readonly isSelecting: boolean;
  /** Whether ids are still being fetched for a range. */
  readonly isBusy: boolean;
}

const NOTHING: SelectionState = { ids: new Set(), isSelecting: false, isBusy: false };

export class Selection {
  private readonly listeners = new Set<() => void>();
  private current = NOTHING;
  /** The person asked to pick, before there was anything picked. */
  private isOpen = false;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** A new object whenever anything changed, the same one otherwise. */
  readonly state = (): SelectionState => this.current;

  has(id: string): boolean {
    return this.current.ids.has(id);
  }

  /** Let the person pick. */
  start(): void {
    this.isOpen = true;
    this.replace(this.current.ids);
  }

  clear(): void {
    if (!this.current.isSelecting && !this.current.isBusy) return;
    this.isOpen = false;
    this.current = NOTHING;
    this.tell();
  }

  toggle(id: string): void {
    const ids = new Set(this.current.ids);
    if (!ids.delete(id)) ids.add(id);
    this.replace(ids);
  }

  add(added: Iterable<string>): void {
    this.replace(new Set([...this.current.ids, ...added]));
  }

  remove(gone: Iterable<string>): void {
    const ids = new Set(this.current.ids);
    for (const id of gone) ids.delete(id);
    if (ids.size !== this.current.ids.size) this.replace(ids);
  }

  /** Pick all of them; when all are picked already, none of them. */
  toggleAll(ids: readonly string[]): void {
    if (ids.length > 0 && ids.every((id) => this.has(id))) this.remove(ids);
    else this.add(ids);
  }

  setBusy(isBusy: boolean): void {
    if (isBusy === this.current.isBusy) return;
    this.current = { ...this.current, isBusy };
    this.tell();
  }

  private replace(ids: ReadonlySet<string>): void {
    if (ids.size > 0) this.isOpen = false;
    this.current = { ids, isSelecting: this.isOpen || ids.size > 0, isBusy: this.current.isBusy };
    this.tell();
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}
