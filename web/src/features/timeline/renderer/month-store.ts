/** The months in memory: loaded when they come into view, cancelled when scrolled past, dropped when far. */
import { withoutPhotos } from "../model/hidden";
import { planLoads } from "../model/loads";
import type { MonthData } from "../model/month-data";

/** Where months come from; `load` rejects when `signal` is aborted. */
export interface MonthSource {
  load(month: string, signal: AbortSignal): Promise<MonthData>;
  /** The month as it was loaded last, when that is still remembered. */
  remembered(month: string): MonthData | undefined;
  /** Whatever was loaded so far may have changed: the next `load` has to ask anew. */
  markStale(): void;
  /** Like `load`, but never from memory. */
  reload(month: string, signal: AbortSignal): Promise<MonthData>;
}

/** A month that failed to load is tried again after this time, doubled each time, at most `MAX_RETRY_MS`. */
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;

export interface MonthEvents {
  onLoaded: (data: MonthData) => void;
  /** A month failed, or one that had failed may be wanted again. */
  onTrouble: () => void;
}

export class MonthStore {
  private readonly source: MonthSource;
  private readonly events: MonthEvents;
  /** In the order in which they were last seen. */
  private readonly ready = new Map<string, MonthData>();
  /** The same months, without the hidden photos. */
  private readonly shown = new Map<string, MonthData>();
  private hidden: ReadonlySet<string> = new Set();
  private readonly loading = new Map<string, AbortController>();
  private readonly failures = new Map<string, { count: number; retryAtMs: number }>();
  private stopped = false;

  constructor(source: MonthSource, events: MonthEvents) {
    this.source = source;
    this.events = events;
  }

  get = (month: string): MonthData | undefined => this.shown.get(month);

  /** How many photos of a month are shown, as far as is known without asking. */
  countOf(month: string): number | undefined {
    const shown = this.shown.get(month);
    if (shown !== undefined) return shown.count;
    const remembered = this.hidden.size === 0 ? undefined : this.source.remembered(month);
    return remembered === undefined ? undefined : withoutPhotos(remembered, this.hidden).count;
  }

  /** Leave these photos out from now on, and no others. */
  hide(hidden: ReadonlySet<string>): void {
    this.hidden = hidden;
    for (const data of this.ready.values()) this.keep(data);
  }

  /** Return whether photos of these months are still worked on, and whether one of the months could not be loaded. */
  stateOf(months: readonly string[]): { hasProcessing: boolean; hasTrouble: boolean } {
    return {
      hasProcessing: months.some((month) => this.shown.get(month)?.hasProcessing === true),
      hasTrouble: months.some((month) => this.failures.has(month) && !this.ready.has(month)),
    };
  }

  /** Bring the months into memory that are wanted, nearest first. */
  want(months: readonly string[], isFast: boolean): void {
    for (const month of months) {
      const data = this.ready.get(month);
      if (data === undefined) continue;
      this.ready.delete(month);
      this.ready.set(month, data);
    }
    const plan = planLoads({
      wanted: months.filter((month) => this.mayTry(month)),
      loaded: [...this.ready.keys()],
      loading: [...this.loading.keys()],
      isFast,
    });
    for (const month of plan.cancel) this.cancel(month);
    for (const month of plan.drop) this.drop(month);
    for (const month of plan.load) void this.load(month);
  }

  /** Load a month unless it is in memory; rejects when it cannot be loaded. */
  async ensure(month: string): Promise<MonthData> {
    const known = this.shown.get(month);
    if (known !== undefined) return known;
    return this.keep(await this.source.load(month, new AbortController().signal));
  }

  /** Return a month that is not to be kept: for picking what is not in view. */
  async peek(month: string, signal: AbortSignal): Promise<MonthData> {
    return this.shown.get(month) ?? withoutPhotos(await this.source.load(month, signal), this.hidden);
  }

  /** Whether a month in memory has photos that are still worked on. */
  get hasProcessing(): boolean {
    return [...this.ready.values()].some((data) => data.hasProcessing);
  }

  /** Load months anew and return them, without showing them yet. Months that fail are left out. */
  async reload(months: readonly string[]): Promise<MonthData[]> {
    this.source.markStale();
    const { signal } = new AbortController();
    const outcomes = await Promise.allSettled(months.map((month) => this.source.reload(month, signal)));
    return outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
  }

  /** Forget all months but these, whose data is new. */
  replaceAll(months: readonly MonthData[]): void {
    for (const month of this.loading.keys()) this.cancel(month);
    this.ready.clear();
    this.shown.clear();
    for (const data of months) this.keep(data);
  }

  stop(): void {
    this.stopped = true;
    for (const month of this.loading.keys()) this.cancel(month);
  }

  private keep(data: MonthData): MonthData {
    const shown = withoutPhotos(data, this.hidden);
    this.ready.set(data.month, data);
    this.shown.set(data.month, shown);
    return shown;
  }

  private drop(month: string): void {
    this.ready.delete(month);
    this.shown.delete(month);
  }

  private mayTry(month: string): boolean {
    return (this.failures.get(month)?.retryAtMs ?? 0) <= Date.now();
  }

  private cancel(month: string): void {
    this.loading.get(month)?.abort();
    this.loading.delete(month);
  }

  private async load(month: string): Promise<void> {
    const controller = new AbortController();
    this.loading.set(month, controller);
    try {
      const data = await this.source.load(month, controller.signal);
      if (controller.signal.aborted || this.stopped) return;
      this.failures.delete(month);
      this.events.onLoaded(this.keep(data));
    } catch {
      if (!controller.signal.aborted && !this.stopped) this.noteFailure(month);
    } finally {
      if (this.loading.get(month) === controller) this.loading.delete(month);
    }
  }

  private noteFailure(month: string): void {
    const count = (this.failures.get(month)?.count ?? 0) + 1;
    const waitMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** (count - 1));
    this.failures.set(month, { count, retryAtMs: Date.now() + waitMs });
    this.events.onTrouble();
    setTimeout(() => {
      if (!this.stopped) this.events.onTrouble();
    }, waitMs);
  }
}
