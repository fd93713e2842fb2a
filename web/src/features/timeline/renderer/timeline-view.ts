/**
 * The timeline on the screen: joins the pure model (where things stand) with the DOM (a pool of tiles).
 *
 * One frame does everything: reads the scroll position, asks the store for months, lets the pool show the photos in
 * view. React mounts it and hands over data; it never renders a tile.
 */
import type { Selection } from "@/shared/lib/selection";

import { type Anchor, anchorAt, topForAnchor } from "../model/anchor";
import { arrange } from "../model/arrangement";
import { cursorAt, type Move } from "../model/cursor";
import type { Density } from "../model/grid";
import { type MonthCount, type TimelineLayout, type VisibleRun, visibleRuns } from "../model/layout";
import type { MonthData } from "../model/month-data";
import type { Frame } from "./frame";
import { Headings } from "./headings";
import { KeyboardCursor } from "./keyboard-cursor";
import { type MonthSource, MonthStore } from "./month-store";
import { Painter } from "./painter";
import { Picker } from "./picker";
import { ScrollPort } from "./scroll-port";
import { TileGestures } from "./tile-gestures";
import { TilePool } from "./tile-pool";

/** Rows kept ready outside the view, on each side [viewports]. */
const OVERSCAN_VIEWPORTS = 0.5;
/** Room below the last photo, so that the bar of a selection does not cover it. */
const END_PX = 88;
const NOTHING = arrange([], { widthPx: 1, heightPx: 1 }, "medium");

export interface ViewEvents {
  onOpen: (photoId: string) => void;
  onFrame: (frame: Frame) => void;
  /** A range of photos could not be picked. */
  onPickFailure: (error: unknown) => void;
}

export class TimelineView {
  readonly pool: TilePool;
  layout: TimelineLayout = NOTHING.layout;
  private readonly events: ViewEvents;
  private readonly port: ScrollPort;
  private readonly painter = new Painter();
  private readonly headings: Headings;
  private readonly store: MonthStore;
  private readonly picker: Picker;
  private readonly gestures: TileGestures;
  private readonly selection: Selection;
  private readonly stopFollowing: () => void;
  private readonly cursor = new KeyboardCursor(this);
  private months: readonly MonthCount[] = [];
  private density: Density;
  private size = { widthPx: 0, heightPx: 0 };
  private insetX = 0;
  private scheduled = 0;
  private changes = 0;
  private version: number | null = null;
  private taking = Promise.resolve(true);
  /** A position asked for before there were months. */
  private pendingAnchor: Anchor | null = null;
  private pendingReveal: (() => void) | null = null;

  constructor(root: HTMLElement, source: MonthSource, density: Density, selection: Selection, events: ViewEvents) {
    this.events = events;
    this.selection = selection;
    this.density = density;
    this.port = new ScrollPort(root, { onScroll: this.schedule, onRest: this.render });
    this.pool = new TilePool(this.port.stage, this.painter);
    this.headings = new Headings(this.port.stage, (month) => void this.picker.toggleMonth(month));
    this.store = new MonthStore(source, { onLoaded: this.acceptMonth, onTrouble: this.schedule });
    this.picker = new Picker(selection, {
      months: () => this.months,
      monthData: this.store.get,
      fetchMonth: (month, signal) => this.store.peek(month, signal),
      onFailure: events.onPickFailure,
    });
    const { scroller, stage } = this.port;
    const { pool, picker } = this;
    this.gestures = new TileGestures({ scroller, stage, pool, picker, selection, onOpen: events.onOpen });
    this.stopFollowing = selection.subscribe(this.schedule);
  }

  destroy(): void {
    this.changes += 1;
    cancelAnimationFrame(this.scheduled);
    this.stopFollowing();
    this.gestures.destroy();
    this.picker.destroy();
    this.store.stop();
    this.painter.stop();
    this.pool.clear();
    this.port.destroy();
  }

  get top(): number {
    return this.port.top;
  }

  get viewportHeight(): number {
    return this.port.viewportHeight;
  }

  /**
   * Take over the list of months as of `version`; does nothing more when nothing can have changed since the last one.
   * Months near the view are loaded anew first, so that the picture changes once. Resolves when it is shown, to false
   * when another list, or the end of the view, came in between.
   */
  setMonths(months: readonly MonthCount[], version: number): Promise<boolean> {
    if (version !== this.version || this.store.hasProcessing) {
      this.version = version;
      this.taking = this.takeMonths(months);
    }
    return this.taking;
  }

  private async takeMonths(months: readonly MonthCount[]): Promise<boolean> {
    this.changes += 1;
    const change = this.changes;
    const known = new Set(months.map(({ month }) => month));
    const stale = this.monthsNearView().filter((month) => known.has(month) && this.store.get(month) !== undefined);
    const fresh = await this.store.reload(stale);
    if (change !== this.changes) return false;
    this.relayout(() => {
      this.store.replaceAll(fresh);
      this.months = this.countLoaded(months);
    });
    return true;
  }

  /** Leave these photos out, whatever the server tells; the ones around them close up. */
  hide(photoIds: ReadonlySet<string>): void {
    this.relayout(() => {
      this.store.hide(photoIds);
      this.months = this.countLoaded(this.months);
    });
  }

  setDensity(density: Density): void {
    if (density === this.density) return;
    this.relayout(() => {
      this.density = density;
    });
  }

  /** Take over the element's size, when it is another one. */
  resize(): void {
    const { clientWidth, clientHeight } = this.port.scroller;
    if (clientWidth !== this.size.widthPx || clientHeight !== this.size.heightPx) this.relayout(() => undefined);
  }

  /** Where the view stands, to come back to later. */
  position(): Anchor | null {
    return this.pendingAnchor ?? anchorAt(this.layout, this.top, this.store.get);
  }

  /** Come back to a position, now or as soon as there are months. */
  restore(anchor: Anchor): void {
    if (this.layout.sections.length === 0) this.pendingAnchor = anchor;
    else this.goTo(topForAnchor(this.layout, anchor, this.store.get));
  }

  goTo(top: number): void {
    this.port.goTo(top);
    this.schedule();
  }

  /** Bring a photo into view if it is not, and optionally put the keyboard on it; now or as soon as there are months. */
  async reveal(photoId: string, month: string, focus: boolean): Promise<void> {
    this.pendingReveal = null;
    if (this.layout.sections.length === 0) {
      this.pendingReveal = () => void this.reveal(photoId, month, focus);
      return;
    }
    const data = await this.store.ensure(month).catch(() => undefined);
    const index = data?.columns.ids.indexOf(photoId) ?? -1;
    if (index >= 0) this.cursor.show({ month, index }, focus, "centre");
  }

  /** Move the keyboard; begins at the first photo in view. */
  move(move: Move): void {
    this.cursor.move(move);
  }

  /** Pick the photo that the keyboard stands on, or all of its day; returns whether there is one. */
  pickFocused(wholeDay: boolean): boolean {
    return this.gestures.pickFocused(wholeDay);
  }

  readonly render = (): void => {
    cancelAnimationFrame(this.scheduled);
    this.scheduled = 0;
    const runs = this.runsNearView();
    const inView = visibleRuns(this.layout, this.top, this.top + this.viewportHeight);
    const { isFast, shiftY } = this.port;
    this.store.want([...new Set([...inView, ...runs].map(({ section }) => section.month))], isFast);
    const stageSpace = { shiftY, insetX: this.insetX };
    const { isSelecting } = this.selection.state();
    this.port.scroller.toggleAttribute("data-selecting", isSelecting);
    this.headings.show(runs, stageSpace, { isSelecting, hasAllOf: (month) => this.picker.hasAllOf(month) });
    this.pool.show(runs, stageSpace, this.store.get);
    this.gestures.settle();
    if (!isFast) for (const tile of this.pool.tiles()) tile.loadImage();
    this.cursor.setTabStop();
    this.report(runs.map(({ section }) => section.month));
  };

  private readonly schedule = (): void => {
    if (this.scheduled === 0) this.scheduled = requestAnimationFrame(this.frame);
  };

  private readonly frame = (atMs: number): void => {
    this.port.follow(atMs);
    this.render();
  };

  private readonly acceptMonth = (data: MonthData): void => {
    const told = this.months.find(({ month }) => month === data.month);
    if (told === undefined || told.count === data.count) {
      this.schedule();
      return;
    }
    // The month changed after its count was told: the photos that came are the truth.
    this.relayout(() => {
      this.months = this.months.map((month) => (month === told ? { month: data.month, count: data.count } : month));
    });
  };

  /** The photos that came are the truth, where they have come; what is hidden is not counted. */
  private countLoaded(months: readonly MonthCount[]): MonthCount[] {
    return months.map(({ month, count }) => ({ month, count: this.store.countOf(month) ?? count }));
  }

  /** Lay out anew around the photo that is in view. */
  private relayout(change: () => void): void {
    const anchor = this.position();
    const focused = this.pool.tileOf(document.activeElement);
    change();
    const { clientWidth: widthPx, clientHeight: heightPx } = this.port.scroller;
    this.size = { widthPx, heightPx };
    ({ layout: this.layout, insetX: this.insetX } = arrange(this.months, this.size, this.density));
    this.pendingAnchor = this.layout.sections.length === 0 ? anchor : null;
    this.port.fit(this.layout.height + END_PX, topForAnchor(this.layout, anchor, this.store.get));
    this.render();
    this.cursor.settle(focused);
    if (this.layout.sections.length > 0) this.pendingReveal?.();
  }

  private runsNearView(): VisibleRun[] {
    const over = this.viewportHeight * OVERSCAN_VIEWPORTS;
    return visibleRuns(this.layout, this.top - over, this.top + this.viewportHeight + over);
  }

  private monthsNearView(): string[] {
    return this.runsNearView().map(({ section }) => section.month);
  }

  private report(months: readonly string[]): void {
    const first = cursorAt(this.layout, this.top);
    const tile = first === null ? undefined : this.pool.find(first.month, first.index);
    const takenLocal = tile?.photo?.takenLocal ?? null;
    const { layout, top, viewportHeight } = this;
    const { isScrolling } = this.port;
    this.events.onFrame({ layout, top, viewportHeight, takenLocal, isScrolling, ...this.store.stateOf(months) });
  }
}
