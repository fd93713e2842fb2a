/** A finger that rests on a tile. Picks its photo, as a click would with a mouse on its handle. */

/** As long as Android and iOS wait [ms]. */
const PRESS_MS = 450;
/** A finger that moves further is scrolling [px]. */
const SLACK_PX = 10;

export class LongPress {
  private readonly onPress: (target: EventTarget | null) => void;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private start = { x: 0, y: 0 };
  /** The press has been answered: the click that ends it means nothing more. */
  private isSpent = false;

  constructor(element: HTMLElement, onPress: (target: EventTarget | null) => void) {
    this.onPress = onPress;
    element.addEventListener("pointerdown", this.handleDown);
    element.addEventListener("pointermove", this.handleMove);
    element.addEventListener("pointerup", this.cancel);
    element.addEventListener("pointercancel", this.cancel);
    element.addEventListener("contextmenu", this.handleMenu);
  }

  /** Whether the click that comes now belongs to a press that was answered; asking uses it up. */
  takeClick(): boolean {
    const { isSpent } = this;
    this.isSpent = false;
    return isSpent;
  }

  readonly cancel = (): void => {
    clearTimeout(this.timer);
    this.timer = undefined;
  };

  private readonly handleDown = (event: PointerEvent): void => {
    this.isSpent = false;
    this.cancel();
    if (event.pointerType !== "touch" || !event.isPrimary) return;
    this.start = { x: event.clientX, y: event.clientY };
    const { target } = event;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.isSpent = true;
      this.onPress(target);
    }, PRESS_MS);
  };

  private readonly handleMove = (event: PointerEvent): void => {
    const moved = Math.hypot(event.clientX - this.start.x, event.clientY - this.start.y);
    if (this.timer !== undefined && moved > SLACK_PX) this.cancel();
  };

  /** A link's own menu would come in between. */
  private readonly handleMenu = (event: Event): void => {
    if (this.timer !== undefined || this.isSpent) event.preventDefault();
  };
}
