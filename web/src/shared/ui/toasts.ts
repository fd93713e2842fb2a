/** Short messages about what was just done; kept outside of React, so that anything may leave one. */
export interface ToastAction {
  label: string;
  run: () => void;
}

export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly tone: "neutral" | "warning" | "danger";
  readonly action: ToastAction | null;
}

/** More than these would cover the page; what offers nothing gives way first. */
const MAX_SHOWN = 2;

export class Toasts {
  private readonly listeners = new Set<() => void>();
  private shown: readonly Toast[] = [];
  private lastId = 0;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly items = (): readonly Toast[] => this.shown;

  /** Show a message; returns its id. */
  show(text: string, { tone = "neutral", action = null }: Partial<Pick<Toast, "tone" | "action">> = {}): number {
    this.lastId += 1;
    const offers = this.shown.filter((toast) => toast.action !== null);
    this.replace([...offers, { id: this.lastId, text, tone, action }].slice(-MAX_SHOWN));
    return this.lastId;
  }

  dismiss(id: number): void {
    if (this.shown.some((toast) => toast.id === id)) this.replace(this.shown.filter((toast) => toast.id !== id));
  }

  clear(): void {
    this.replace([]);
  }

  /** Take back what is offered: it is not possible any more. */
  withdrawOffers(): void {
    this.replace(this.shown.filter(({ action }) => action === null));
  }

  /** Do what the newest message offers; returns whether there was any. */
  act(): boolean {
    const newest = this.shown.findLast(({ action }) => action !== null);
    if (newest === undefined) return false;
    this.dismiss(newest.id);
    newest.action?.run();
    return true;
  }

  private replace(shown: readonly Toast[]): void {
    this.shown = shown;
    for (const listener of this.listeners) listener();
  }
}
