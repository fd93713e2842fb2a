/** The tile that the keyboard stands on. Real focus moves with it, so that Enter and screen readers just work. */
import { type Cursor, cursorAt, type Move, moveCursor } from "../model/cursor";
import { HEADING_PX, type TimelineLayout } from "../model/layout";
import type { Tile } from "./tile";
import type { TilePool } from "./tile-pool";

/** What the cursor needs of the view. */
export interface CursorHost {
  readonly pool: TilePool;
  readonly layout: TimelineLayout;
  readonly top: number;
  readonly viewportHeight: number;
  goTo(top: number): void;
  render(): void;
}

export class KeyboardCursor {
  private readonly host: CursorHost;
  private cursor: Cursor | null = null;
  private tabStop: Tile | undefined;

  constructor(host: CursorHost) {
    this.host = host;
  }

  /** Move the focus; when no tile has it, it begins at the first photo in view. */
  move(move: Move): void {
    const { host } = this;
    const focused = host.pool.tileOf(document.activeElement);
    const start = focused === null ? cursorAt(host.layout, host.top) : { month: focused.month, index: focused.index };
    if (start === null) return;
    const isFirstStep = focused === null && move !== "first" && move !== "last";
    this.show(isFirstStep ? start : moveCursor(host.layout, start, move, host.viewportHeight), true, "nearest");
  }

  /** Bring a photo into view, if it is not. */
  show(cursor: Cursor, focus: boolean, align: "nearest" | "centre"): void {
    const { host } = this;
    const section = host.layout.sections.find(({ month }) => month === cursor.month);
    if (section === undefined || cursor.index >= section.count) return;
    this.cursor = cursor;
    const { y, height } = section.body.boxAt(cursor.index);
    const top = section.bodyTop + y;
    const isAbove = top < host.top + HEADING_PX;
    if (isAbove || top + height > host.top + host.viewportHeight) {
      const nearest = isAbove ? top - HEADING_PX : top + height - host.viewportHeight + HEADING_PX / 2;
      host.goTo(align === "centre" ? top - (host.viewportHeight - height) / 2 : nearest);
    }
    host.render();
    if (focus) host.pool.find(cursor.month, cursor.index)?.element.focus({ preventScroll: true });
  }

  /** After a change of the layout: take the focus from a place where no photo is any more to the nearest one. */
  settle(focused: Tile | null): void {
    if (focused === null) return;
    const { host } = this;
    const { month, index } = focused;
    const section = host.layout.sections.find((one) => one.month <= month) ?? host.layout.sections.at(-1);
    if (section?.month === month && index < section.count) return;
    if (section === undefined) focused.element.blur();
    else {
      const nearest = section.month === month || section.month > month ? section.count - 1 : 0;
      this.show({ month: section.month, index: nearest }, true, "nearest");
    }
    // The tile was only kept because it had the focus.
    host.render();
  }

  /** Let exactly one tile be reached by Tab; arrows go on from there. */
  setTabStop(): void {
    const { pool, layout, top } = this.host;
    const first = cursorAt(layout, top);
    const wished = this.cursor === null ? undefined : pool.find(this.cursor.month, this.cursor.index);
    const stop = wished ?? (first === null ? undefined : pool.find(first.month, first.index));
    if (stop === this.tabStop) return;
    // Only what changes is written: a frame must not touch tiles that stay as they are.
    if (this.tabStop !== undefined) this.tabStop.element.tabIndex = -1;
    if (stop !== undefined) stop.element.tabIndex = 0;
    this.tabStop = stop;
  }
}
