/** One recycled tile: the DOM nodes of a photo in the grid. Everything is set through the DOM, nothing by markup. */
import { squareSizeFor, thumbnailUrl } from "@/shared/api";
import { formatDuration, formatLocal } from "@/shared/lib/format";

import type { Box } from "../model/layout";
import { type MonthData, photoAt, type TilePhoto } from "../model/month-data";
import { averageColour, thumbHashBytes } from "../model/thumbhash";
import type { Painter, PaintTarget } from "./painter";
import styles from "./timeline.module.css";

const LABEL_DATE = {
  day: "numeric",
  month: "long",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
} as const;
const DAY_OF_WEEK = { weekday: "short", day: "numeric" } as const;

/** Tiles up to this width have smaller badges. */
const SMALL_PX = 76;

function labelOf(photo: TilePhoto): string {
  const kind = photo.isVideo ? "Video" : "Photo";
  const state = { ready: "", processing: ", still processing", failed: ", could not be displayed" }[photo.state];
  return `${kind}, ${formatLocal(photo.takenLocal, LABEL_DATE)}${state}`;
}

function make<K extends keyof HTMLElementTagNameMap>(tag: K, name: string): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  element.className = styles[name] ?? name;
  return element;
}

export class Tile implements PaintTarget {
  readonly element = document.createElement("a");
  readonly canvas: HTMLCanvasElement;
  hash: Uint8Array | null = null;
  month = "";
  index = -1;
  photo: TilePhoto | null = null;
  private readonly image: HTMLImageElement;
  private readonly day: HTMLElement;
  private readonly badge: HTMLElement;
  private readonly painter: Painter;
  private data: MonthData | undefined;
  /** Where it stands on the stage [px]. */
  box: Box = { x: -1, y: -1, width: 0, height: 0 };
  private isPicked = false;
  private isPickable = false;
  private source = "";

  constructor(painter: Painter) {
    this.painter = painter;
    this.element.className = styles["tile"] ?? "";
    this.element.tabIndex = -1;
    this.element.draggable = false;
    this.element.setAttribute("aria-keyshortcuts", "X Shift+X");
    this.canvas = make("canvas", "placeholder");
    this.image = make("img", "thumbnail");
    this.element.append(this.canvas, this.image);
    this.image.alt = "";
    this.image.decoding = "async";
    this.image.draggable = false;
    this.image.addEventListener("load", () => {
      this.element.dataset["image"] = "shown";
    });
    this.image.addEventListener("error", () => {
      if (this.source !== "") this.element.dataset["image"] = "broken";
    });
    this.day = make("span", "day");
    this.badge = make("span", "badge");
  }

  /** Stand for another photo; `data` is undefined while its month is not loaded. */
  assign(month: string, index: number, data: MonthData | undefined): void {
    if (this.month === month && this.index === index && this.data === data) return;
    const photo = data === undefined ? null : photoAt(data, index);
    const isSame = photo !== null && this.photo?.id === photo.id && this.photo.v === photo.v;
    this.month = month;
    this.index = index;
    this.data = data;
    this.photo = photo;
    this.describe();
    if (isSame) return;
    this.dropImage();
    this.showPlaceholder(photo?.placeholder ?? null);
  }

  /** Stand at a place of the stage [px]. */
  place(x: number, y: number, width: number, height: number): void {
    const { style } = this.element;
    // Not a transform: each would be a layer's worth of bookkeeping, four hundred times.
    if (x !== this.box.x) style.left = `${x}px`;
    if (y !== this.box.y) style.top = `${y}px`;
    if (width !== this.box.width) {
      style.width = `${width}px`;
      this.element.toggleAttribute("data-small", width <= SMALL_PX);
      // Another width may ask for another size of thumbnail; until it comes, the old one is scaled.
      this.source = "";
    }
    if (height !== this.box.height) style.height = `${height}px`;
    this.box = { x, y, width, height };
  }

  /** What the photo is called where it cannot be seen. */
  get label(): string {
    return this.photo === null ? "Loading" : labelOf(this.photo);
  }

  get isSmall(): boolean {
    return this.box.width <= SMALL_PX;
  }

  /** Whether `target` is the date that heads the photos of a day. */
  isDay(target: EventTarget | null): boolean {
    return target === this.day;
  }

  /** Say whether the photo is picked; while photos are being picked, the tile is a checkbox instead of a link. */
  mark(isPickable: boolean, isPicked: boolean): void {
    if (isPickable !== this.isPickable) {
      if (isPickable) this.element.setAttribute("role", "checkbox");
      else this.element.removeAttribute("role");
    } else if (isPicked === this.isPicked) return;
    this.isPickable = isPickable;
    this.isPicked = isPicked;
    this.element.toggleAttribute("data-selected", isPicked);
    if (isPickable) this.element.setAttribute("aria-checked", String(isPicked));
    else this.element.removeAttribute("aria-checked");
  }

  /** Ask for the thumbnail, unless it is shown or asked for already. */
  loadImage(): void {
    if (this.source !== "" || this.photo?.state !== "ready") return;
    const size = squareSizeFor(this.box.width, globalThis.devicePixelRatio);
    this.source = thumbnailUrl(this.photo.id, size, this.photo.v);
    this.image.src = this.source;
  }

  /** Let go of the photo; a thumbnail that is still on its way is cancelled. */
  release(): void {
    this.dropImage();
    this.painter.forget(this);
    this.hash = null;
    this.month = "";
    this.index = -1;
    this.data = undefined;
    this.photo = null;
  }

  private dropImage(): void {
    this.source = "";
    this.image.removeAttribute("src");
    delete this.element.dataset["image"];
  }

  private showPlaceholder(placeholder: string | null): void {
    this.hash = placeholder === null ? null : thumbHashBytes(placeholder);
    this.canvas.style.visibility = "hidden";
    const colour = this.hash === null ? "" : `rgb(${averageColour(this.hash).join(" ")})`;
    this.element.style.backgroundColor = colour;
    if (this.hash !== null) this.painter.enqueue(this);
  }

  private describe(): void {
    const { photo, element } = this;
    if (photo === null) {
      element.removeAttribute("href");
      element.dataset["state"] = "loading";
      element.setAttribute("aria-label", "Loading");
      this.showText(this.day, "");
      this.showText(this.badge, "");
      return;
    }
    element.href = `/photos/${photo.id}`;
    element.dataset["state"] = photo.state;
    element.setAttribute("aria-label", this.label);
    this.showText(this.day, photo.startsDay === null ? "" : formatLocal(photo.startsDay, DAY_OF_WEEK));
    this.showText(this.badge, this.badgeText(photo));
  }

  /** Most tiles have neither: an element that is not there costs no style. */
  private showText(element: HTMLElement, text: string): void {
    if (element.textContent === text) return;
    element.textContent = text;
    if (text === "") element.remove();
    else if (!element.isConnected) this.element.append(element);
  }

  private badgeText(photo: TilePhoto): string {
    if (photo.state === "failed") return "!";
    if (photo.state === "processing") return "Processing";
    return photo.isVideo ? (photo.durationMs === null ? "Video" : formatDuration(photo.durationMs)) : "";
  }
}
