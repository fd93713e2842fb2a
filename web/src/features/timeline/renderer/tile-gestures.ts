/** What is done to tiles with mouse, finger and keys: opening photos and picking them. */
import type { Selection } from "@/shared/lib/selection";

import { intentOf } from "../model/intent";
import type { TilePhoto } from "../model/month-data";
import { LongPress } from "./long-press";
import type { Picker } from "./picker";
import { SelectHandle } from "./select-handle";
import type { Tile } from "./tile";
import type { TilePool } from "./tile-pool";

interface GestureDependencies {
  scroller: HTMLElement;
  stage: HTMLElement;
  pool: TilePool;
  picker: Picker;
  selection: Selection;
  onOpen: (photoId: string) => void;
}

export class TileGestures {
  private readonly deps: GestureDependencies;
  private readonly handle: SelectHandle;
  private readonly longPress: LongPress;

  constructor(deps: GestureDependencies) {
    this.deps = deps;
    const { scroller, stage, pool } = deps;
    this.handle = new SelectHandle(stage, pool, (tile) => {
      this.toggle(tile);
    });
    this.longPress = new LongPress(scroller, (target) => {
      this.toggle(pool.tileOf(target));
    });
    scroller.addEventListener("click", this.handleClick);
    scroller.addEventListener("keydown", this.handleKey);
    scroller.addEventListener("scroll", this.longPress.cancel, { passive: true });
    scroller.addEventListener("pointerover", this.follow);
    scroller.addEventListener("focusin", this.follow);
    scroller.addEventListener("pointerleave", () => {
      this.handle.showOn(null);
    });
  }

  destroy(): void {
    this.longPress.cancel();
  }

  /** Pick the photo that the keyboard stands on, or all of its day; returns whether there is one. */
  pickFocused(wholeDay: boolean): boolean {
    const photo = this.deps.pool.tileOf(document.activeElement)?.photo ?? null;
    if (photo === null) return false;
    if (wholeDay) this.deps.picker.toggleDay(photo);
    else this.deps.picker.toggle(photo);
    return true;
  }

  /** Follow tiles that moved, and say on each whether its photo is picked. */
  settle(): void {
    const { pool, selection } = this.deps;
    const { isSelecting, ids } = selection.state();
    this.handle.settle(!isSelecting);
    for (const tile of pool.tiles()) tile.mark(isSelecting, tile.photo !== null && ids.has(tile.photo.id));
  }

  private toggle(tile: Tile | null): void {
    if (tile?.photo) this.deps.picker.toggle(tile.photo);
  }

  private readonly follow = (event: Event): void => {
    if (!this.deps.selection.state().isSelecting) this.handle.follow(event);
  };

  private readonly handleClick = (event: MouseEvent): void => {
    if (this.longPress.takeClick()) {
      event.preventDefault();
      return;
    }
    const tile = this.deps.pool.tileOf(event.target);
    if (tile === null) return;
    const intent = intentOf({
      isPrimary: event.button === 0,
      ctrl: event.ctrlKey || event.metaKey,
      alt: event.altKey,
      shift: event.shiftKey,
      onDay: tile.isDay(event.target),
      isSelecting: this.deps.selection.state().isSelecting,
    });
    if (intent === null) return;
    event.preventDefault();
    if (tile.photo !== null) this.act(intent, tile.photo);
  };

  private act(intent: NonNullable<ReturnType<typeof intentOf>>, photo: TilePhoto): void {
    const { picker, onOpen } = this.deps;
    if (intent === "open") onOpen(photo.id);
    else if (intent === "toggle") picker.toggle(photo);
    else if (intent === "day") picker.toggleDay(photo);
    else void picker.extendTo(photo);
  }

  /** A checkbox answers to the space bar, which would scroll a link's page. */
  private readonly handleKey = (event: KeyboardEvent): void => {
    const tile = this.deps.pool.tileOf(event.target);
    if (event.key !== " " || tile?.photo == null || !this.deps.selection.state().isSelecting) return;
    event.preventDefault();
    this.act(event.shiftKey ? "extend" : "toggle", tile.photo);
  };
}
