/** The tiles on the stage, and the ones waiting to be used again; their number follows the view, never the library. */
import type { VisibleRun } from "../model/layout";
import type { MonthData } from "../model/month-data";
import type { Painter } from "./painter";
import { Tile } from "./tile";

/** Spare tiles kept for the next step; more would only hold memory. */
const MAX_SPARE = 64;

export interface StageSpace {
  /** From layout to stage coordinates [px]. */
  shiftY: number;
  insetX: number;
}

export class TilePool {
  private readonly stage: HTMLElement;
  private readonly painter: Painter;
  private readonly shown = new Map<string, Tile>();
  private readonly spare: Tile[] = [];

  constructor(stage: HTMLElement, painter: Painter) {
    this.stage = stage;
    this.painter = painter;
  }

  find(month: string, index: number): Tile | undefined {
    return this.shown.get(`${month}#${index}`);
  }

  tiles(): IterableIterator<Tile> {
    return this.shown.values();
  }

  /** The tile that an event came from. */
  tileOf(target: EventTarget | null): Tile | null {
    if (!(target instanceof Element)) return null;
    for (const tile of this.shown.values()) if (tile.element.contains(target)) return tile;
    return null;
  }

  /** Show exactly the photos of the runs. */
  show(runs: readonly VisibleRun[], space: StageSpace, monthData: (month: string) => MonthData | undefined): void {
    this.recycle(runs);
    this.showRuns(runs, space, monthData);
    this.hideSpare();
  }

  clear(): void {
    for (const [key, tile] of this.shown) this.putAway(key, tile);
    this.hideSpare();
  }

  private showRuns(
    runs: readonly VisibleRun[],
    space: StageSpace,
    monthData: (month: string) => MonthData | undefined,
  ): void {
    for (const { section, first, end } of runs) {
      const data = monthData(section.month);
      for (let index = first; index < end; index += 1) {
        const tile = this.obtain(section.month, index);
        const box = section.body.boxAt(index);
        tile.place(box.x + space.insetX, section.bodyTop + box.y + space.shiftY, box.width, box.height);
        tile.assign(section.month, index, data);
      }
    }
  }

  private recycle(runs: readonly VisibleRun[]): void {
    const byMonth = new Map(runs.map((run) => [run.section.month, run]));
    for (const [key, tile] of this.shown) {
      const run = byMonth.get(tile.month);
      const isShown = run !== undefined && tile.index >= run.first && tile.index < run.end;
      // A focused tile stays although it is out of sight: the focus would fall back to the page.
      if (!isShown && tile.element !== document.activeElement) this.putAway(key, tile);
    }
  }

  private obtain(month: string, index: number): Tile {
    const key = `${month}#${index}`;
    const existing = this.shown.get(key);
    if (existing !== undefined) return existing;
    const tile = this.spare.pop() ?? new Tile(this.painter);
    if (tile.element.hidden) tile.element.hidden = false;
    if (!tile.element.isConnected) this.stage.append(tile.element);
    this.shown.set(key, tile);
    return tile;
  }

  private putAway(key: string, tile: Tile): void {
    this.shown.delete(key);
    tile.release();
    this.spare.push(tile);
  }

  /** Hide what this frame left over: a tile that is used again in the same frame is never hidden, which is dear. */
  private hideSpare(): void {
    for (const tile of this.spare.splice(MAX_SPARE)) tile.element.remove();
    for (const tile of this.spare) if (!tile.element.hidden) tile.element.hidden = true;
  }
}
