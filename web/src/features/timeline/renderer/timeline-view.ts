/**
 * The timeline on the screen: joins the pure model (where things stand) with the DOM (a pool of tiles).
 *
 * One frame does everything: reads the scroll position, asks the store for months, lets the pool show the photos in
 * view. React mounts it and hands over data; it never renders a tile.
 */
import { type Anchor, anchorAt, topForAnchor } from "../model/anchor";
import { cursorAt, type Move } from "../model/cursor";
import { type Density, planGrid } from "../model/grid";
import { layoutTimeline, type MonthCount, type TimelineLayout, type VisibleRun, visibleRuns } from "../model/layout";
import type { MonthData } from "../model/month-data";
import { Headings } from "./headings";
import { KeyboardCursor } from "./keyboard-cursor";
import { type MonthSource, MonthStore } from "./month-store";
import { Painter } from "./painter";
import { ScrollPort } from "./scroll-port";
import { TilePool } from "./tile-pool";

/** Rows kept ready outside the view, on each side [viewports]. */
const OVERSCAN_VIEWPORTS = 0.5;
/** From this width on there are margins, and the scrubber stands beside the photos instead of over them. */
const WIDE_PX = 720;
const WIDE_INSET_PX = { left: 20, right: 64 };

export interface Frame {
  layout: TimelineLayout;
  top: number;
  viewportHeight: number;
  /** Local time of the first photo in view; null while its month is not loaded. */
  takenLocal: string | null;
  isScrolling: boolean;
  /** Whether a photo in view still waits for its thumbnail to be made. */
  hasProcessing: boolean;
  /** Whether a month in view could not be loaded; it is tried again. */
  hasTrouble: boolean;
}

export interface ViewEvents {
  onOpen: (photoId: string) => void;
  onFrame: (frame: Frame) => void;
}

export class TimelineView {
  readonly pool: TilePool;
  layout: TimelineLayout = layoutTimeline([], planGrid({ widthPx: 1, heightPx: 1 }, "medium"));
  private readonly events: ViewEvents;
  private readonly port: ScrollPort;
  private readonly painter = new Painter();
  private readonly headings: Headings;
  private readonly store: MonthStore;
  private readonly cursor = new KeyboardCursor(this);
  private months: readonly MonthCount[] = [];
  private density: Density;
  private size = { widthPx: 0, heightPx: 0 };
  private insetX = 0;
  private scheduled = 0;
  private changes = 0;
  private version: number | null = null;
  /** A position asked for before there were months. */
  private pendingAnchor: Anchor | null = null;

  constructor(root: HTMLElement, source: MonthSource, density: Density, events: ViewEvents) {
    this.events = events;
    this.density = density;
    this.port = new ScrollPort(root, { onScroll: this.schedule, onRest: this.render });
    this.pool = new TilePool(this.port.stage, this.painter);
    this.headings = new Headings(this.port.stage);
    this.store = new MonthStore(source, { onLoaded: this.acceptMonth, onTrouble: this.schedule });
    this.port.scroller.addEventListener("click", this.handleClick);
  }

  destroy(): void {
    this.changes += 1;
    cancelAnimationFrame(this.scheduled);
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
   * Take over the list of months as of `version`; does nothing when nothing can have changed since the last one.
   * Months near the view are loaded anew first, so that the picture changes once.
   */
  async setMonths(months: readonly MonthCount[], version: number): Promise<void> {
    if (version === this.version && !this.store.hasProcessing) return;
    this.version = version;
    this.changes += 1;
    const change = this.changes;
    const known = new Set(months.map(({ month }) => month));
    const stale = this.monthsNearView().filter((month) => known.has(month) && this.store.get(month) !== undefined);
    const fresh = await this.store.reload(stale);
    // Another list, or the end of the view, came in between.
    if (change !== this.changes) return;
    this.relayout(() => {
      this.store.replaceAll(fresh);
      this.months = months;
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

  /** Bring a photo into view if it is not, and optionally put the keyboard on it. */
  async reveal(photoId: string, month: string, focus: boolean): Promise<void> {
    const data = await this.store.ensure(month).catch(() => undefined);
    const index = data?.columns.ids.indexOf(photoId) ?? -1;
    if (index >= 0) this.cursor.show({ month, index }, focus, "centre");
  }

  /** Move the keyboard; begins at the first photo in view. */
  move(move: Move): void {
    this.cursor.move(move);
  }

  readonly render = (): void => {
    cancelAnimationFrame(this.scheduled);
    this.scheduled = 0;
    const runs = this.runsNearView();
    const inView = visibleRuns(this.layout, this.top, this.top + this.viewportHeight);
    const { isFast, shiftY } = this.port;
    this.store.want([...new Set([...inView, ...runs].map(({ section }) => section.month))], isFast);
    const stageSpace = { shiftY, insetX: this.insetX };
    this.headings.show(runs, stageSpace);
    this.pool.show(runs, stageSpace, this.store.get);
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

  private readonly handleClick = (event: MouseEvent): void => {
    const tile = this.pool.tileOf(event.target);
    const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (tile === null || !isPlain) return;
    event.preventDefault();
    if (tile.photo !== null) this.events.onOpen(tile.photo.id);
  };

  /** Lay out anew around the photo that is in view. */
  private relayout(change: () => void): void {
    const anchor = this.position();
    change();
    const { clientWidth: widthPx, clientHeight: heightPx } = this.port.scroller;
    const isWide = widthPx >= WIDE_PX;
    this.size = { widthPx, heightPx };
    this.insetX = isWide ? WIDE_INSET_PX.left : 0;
    const gridWidthPx = isWide ? widthPx - WIDE_INSET_PX.left - WIDE_INSET_PX.right : widthPx;
    this.layout = layoutTimeline(this.months, planGrid({ widthPx: gridWidthPx, heightPx }, this.density));
    this.pendingAnchor = this.layout.sections.length === 0 ? anchor : null;
    this.port.fit(this.layout.height, topForAnchor(this.layout, anchor, this.store.get));
    this.render();
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
    this.events.onFrame({
      layout: this.layout,
      top: this.top,
      viewportHeight: this.viewportHeight,
      takenLocal: tile?.photo?.takenLocal ?? null,
      isScrolling: this.port.isScrolling,
      hasProcessing: months.some((month) => this.store.get(month)?.hasProcessing === true),
      hasTrouble: months.some((month) => this.store.hasFailed(month)),
    });
  }
}
