/** Picks photos: one, all up to another, all of a day or a month, also where nothing is loaded yet. */
import type { Selection } from "@/shared/lib/selection";

import type { MonthCount } from "../model/layout";
import type { MonthData, TilePhoto } from "../model/month-data";
import { idsBetween, idsOfDayAt, monthsBetween, type Spot } from "../model/range";

/** Months of a range that are fetched at a time. */
const PARALLEL_MONTHS = 4;

export interface PickerHost {
  months(): readonly MonthCount[];
  monthData(month: string): MonthData | undefined;
  /** A month without hidden photos, from memory or the server. */
  fetchMonth(month: string, signal: AbortSignal): Promise<MonthData>;
  /** A range could not be picked, because its months could not be loaded. */
  onFailure(error: unknown): void;
}

export class Picker {
  private readonly selection: Selection;
  private readonly host: PickerHost;
  /** Where the next range begins: the photo that was picked last. */
  private anchor: Spot | null = null;
  private running: AbortController | null = null;
  private readonly unsubscribe: () => void;

  constructor(selection: Selection, host: PickerHost) {
    this.selection = selection;
    this.host = host;
    this.unsubscribe = selection.subscribe(this.followSelection);
  }

  destroy(): void {
    this.unsubscribe();
    this.stop();
  }

  toggle({ id, month }: TilePhoto): void {
    this.anchor = { id, month };
    this.selection.toggle(id);
  }

  /** Pick all photos from the last picked one to this one. */
  async extendTo({ id, month }: TilePhoto): Promise<void> {
    const { anchor } = this;
    this.anchor = { id, month };
    if (anchor === null || !this.selection.state().isSelecting) this.selection.add([id]);
    else {
      await this.pick(monthsBetween(this.host.months(), anchor.month, month), (months) => {
        return idsBetween(months, anchor.id, id) ?? [id];
      });
    }
  }

  /** Pick all photos of the day of this one; none of them when all are picked. */
  toggleDay({ id, month, index }: TilePhoto): void {
    const data = this.host.monthData(month);
    if (data === undefined) return;
    this.anchor = { id, month };
    this.selection.toggleAll(idsOfDayAt(data, index));
  }

  async toggleMonth(month: string): Promise<void> {
    const data = this.host.monthData(month);
    if (data === undefined) await this.pick([month], (months) => months.flatMap(({ columns }) => columns.ids));
    else this.selection.toggleAll(data.columns.ids);
  }

  /** Whether all photos of a loaded month are picked. */
  hasAllOf(month: string): boolean {
    const ids = this.host.monthData(month)?.columns.ids ?? [];
    return ids.length > 0 && ids.length <= this.selection.state().ids.size && ids.every((id) => this.selection.has(id));
  }

  /** Forget a range that is still being fetched. */
  stop(): void {
    this.running?.abort();
    this.running = null;
    this.selection.setBusy(false);
  }

  /** Cleared: what is still being fetched is not wanted any more, and the next range begins anew. */
  private readonly followSelection = (): void => {
    const { isSelecting, isBusy } = this.selection.state();
    if (!isSelecting) this.anchor = null;
    if (!isBusy && this.running !== null) this.stop();
  };

  private async pick(months: readonly string[], choose: (months: MonthData[]) => readonly string[]): Promise<void> {
    this.stop();
    const controller = new AbortController();
    this.running = controller;
    this.selection.setBusy(true);
    try {
      const fetched = await this.fetchAll(months, controller.signal);
      if (!controller.signal.aborted) this.selection.add(choose(fetched));
    } catch (error) {
      if (!controller.signal.aborted) this.host.onFailure(error);
    } finally {
      if (this.running === controller) this.stop();
    }
  }

  private async fetchAll(months: readonly string[], signal: AbortSignal): Promise<MonthData[]> {
    const fetched: MonthData[] = [];
    for (let from = 0; from < months.length; from += PARALLEL_MONTHS) {
      signal.throwIfAborted();
      const some = months.slice(from, from + PARALLEL_MONTHS);
      fetched.push(...(await Promise.all(some.map((month) => this.fetchMonth(month, signal)))));
    }
    return fetched;
  }

  /** The view may cancel the load of a month that it scrolled past, which is wanted here all the same: hence twice. */
  private async fetchMonth(month: string, signal: AbortSignal): Promise<MonthData> {
    try {
      return await this.host.fetchMonth(month, signal);
    } catch {
      signal.throwIfAborted();
      return this.host.fetchMonth(month, signal);
    }
  }
}
