/** The scrolled element and its stage: knows where in layout space the view stands, and how fast it moves. */
import {
  isIdentity,
  makeScrollSpace,
  moveTo,
  needsRecentre,
  recentre,
  type ScrollSpace,
  scrolledTo,
} from "../model/scroll-space";
import { isFast, nextVelocity, RESTING } from "../model/velocity";
import styles from "./timeline.module.css";

/** Without a new scroll event for this long the view rests. */
const REST_MS = 140;

export class ScrollPort {
  readonly scroller = document.createElement("div");
  readonly stage = document.createElement("div");
  isScrolling = false;
  private readonly onScroll: () => void;
  private readonly onRest: () => void;
  private space: ScrollSpace = makeScrollSpace(0, 0);
  private velocity = RESTING;
  private restTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(root: HTMLElement, events: { onScroll: () => void; onRest: () => void }) {
    this.onScroll = events.onScroll;
    this.onRest = events.onRest;
    this.scroller.className = styles["scroller"] ?? "";
    this.stage.className = styles["stage"] ?? "";
    this.scroller.append(this.stage);
    root.append(this.scroller);
    this.scroller.addEventListener("scroll", this.handleScroll, { passive: true });
  }

  /** Top edge of the view in layout space [px]. */
  get top(): number {
    return this.space.layoutTop;
  }

  get viewportHeight(): number {
    return this.space.viewportHeight;
  }

  get isFast(): boolean {
    return this.isScrolling && isFast(this.velocity, this.space.viewportHeight);
  }

  /** From layout to stage coordinates [px]. */
  get shiftY(): number {
    return isIdentity(this.space) ? 0 : this.space.scrollTop - this.space.layoutTop;
  }

  /** Take over another layout height and the element's size, and stand at `top`. */
  fit(layoutHeight: number, top: number): void {
    this.space = makeScrollSpace(layoutHeight, this.scroller.clientHeight, top);
    this.write();
  }

  goTo(top: number): void {
    this.space = moveTo(this.space, top);
    this.write();
  }

  /** Follow the browser's scroll position; once per frame. */
  follow(atMs: number): void {
    this.space = scrolledTo(this.space, this.scroller.scrollTop);
    if (needsRecentre(this.space)) {
      this.space = recentre(this.space);
      this.write();
    }
    this.velocity = nextVelocity(this.velocity, this.space.layoutTop, atMs);
  }

  destroy(): void {
    clearTimeout(this.restTimer);
    this.scroller.remove();
  }

  private write(): void {
    this.stage.style.height = `${this.space.scrollHeight}px`;
    if (Math.abs(this.scroller.scrollTop - this.space.scrollTop) >= 1) this.scroller.scrollTop = this.space.scrollTop;
  }

  private readonly handleScroll = (): void => {
    if (!this.isScrolling) this.scroller.dataset["scrolling"] = "";
    this.isScrolling = true;
    clearTimeout(this.restTimer);
    this.restTimer = setTimeout(this.rest, REST_MS);
    this.onScroll();
  };

  private readonly rest = (): void => {
    this.isScrolling = false;
    delete this.scroller.dataset["scrolling"];
    this.velocity = RESTING;
    this.space = recentre(scrolledTo(this.space, this.scroller.scrollTop));
    this.write();
    this.onRest();
  };
}
