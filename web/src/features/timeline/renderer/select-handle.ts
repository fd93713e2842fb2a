/** The round button on the tile under the pointer, or under the keyboard, that picks its photo. One for all tiles. */
import type { Tile } from "./tile";
import type { TilePool } from "./tile-pool";
import styles from "./timeline.module.css";

export class SelectHandle {
  private readonly element = document.createElement("button");
  private readonly pool: TilePool;
  private tile: Tile | null = null;
  private photoId = "";

  constructor(stage: HTMLElement, pool: TilePool, onSelect: (tile: Tile) => void) {
    this.pool = pool;
    this.element.type = "button";
    this.element.className = styles["handle"] ?? "";
    // The keyboard has the X key and the Select button: a second stop per tile would only be in its way.
    this.element.tabIndex = -1;
    this.element.title = "Select (X)";
    this.element.hidden = true;
    stage.append(this.element);
    this.element.addEventListener("click", () => {
      if (this.tile !== null) onSelect(this.tile);
      this.showOn(null);
    });
  }

  /** Follow the pointer or the focus. */
  readonly follow = (event: Event): void => {
    if (event.target === this.element) return;
    const tile = this.pool.tileOf(event.target);
    const isTouch = event instanceof PointerEvent && event.pointerType === "touch";
    const isFocus = event.type === "focusin";
    if (isTouch || (isFocus && tile?.element.matches(":focus-visible") !== true)) return;
    this.showOn(tile);
  };

  /** Stand on a tile, or nowhere. */
  showOn(tile: Tile | null): void {
    const { photo = null } = tile ?? {};
    this.tile = photo === null ? null : tile;
    this.photoId = photo?.id ?? "";
    if (tile === null || photo === null) {
      this.element.hidden = true;
      return;
    }
    const { x, y, height } = tile.box;
    this.element.style.left = `${x}px`;
    this.element.style.top = `${y + height}px`;
    this.element.toggleAttribute("data-small", tile.isSmall);
    this.element.setAttribute("aria-label", `Select ${tile.label}`);
    this.element.hidden = false;
  }

  /** Stay on the photo when it moves, and go when its tile shows another. */
  settle(isAllowed: boolean): void {
    if (this.tile === null) return;
    this.showOn(isAllowed && this.tile.photo?.id === this.photoId ? this.tile : null);
  }
}
