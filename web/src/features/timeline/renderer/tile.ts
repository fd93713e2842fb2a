/** One recycled tile: the DOM nodes of a photo in the grid. Everything is set through the DOM, nothing by markup. */
import { squareSizeFor, thumbnailUrl } from "@/shared/api";
import { formatDuration, formatLocal } from "@/shared/lib/format";

import type { Box } from "../model/layout";
import { type MonthData, photoAt, type TilePhoto } from "../model/month-data";
import { averageColour, thumbHashBytes } from "../model/thumbhash";
import type { Painter, PaintTarget } from "./painter";
import styles from "./timeline.module.css";

const LABEL_DATE = { day: "numeric", month: "long", year: "numeric", hour: "2-digit", minute: "2-digit" } as const;

function labelOf(photo: TilePhoto): string {
  const kind = photo.isVideo ? "Video" : "Photo";
  const state = { ready: "", processing: ", still processing", failed: ", could not be displayed" }[photo.state];
  return `${kind}, ${formatLocal(photo.takenLocal, { ...LABEL_DATE, hourCycle: "h23" })}${state}`;
}

function child<K extends keyof HTMLElementTagNameMap>(parent: HTMLElement, tag: K, name: string) {
  const element = document.createElement(tag);
  element.className = styles[name] ?? name;
  parent.append(element);
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
  private box: Box = { x: -1, y: -1, width: 0, height: 0 };
  private source = "";

  constructor(painter: Painter) {
    this.painter = painter;
    this.element.className = styles["tile"] ?? "";
    this.element.tabIndex = -1;
    this.element.draggable = false;
    this.canvas = child(this.element, "canvas", "placeholder");
    this.image = child(this.element, "img", "thumbnail");
    this.image.alt = "";
    this.image.decoding = "async";
    this.image.draggable = false;
    this.image.addEventListener("load", () => {
      this.element.dataset["image"] = "shown";
    });
    this.image.addEventListener("error", () => {
      if (this.source !== "") this.element.dataset["image"] = "broken";
    });
    this.day = child(this.element, "span", "day");
    this.badge = child(this.element, "span", "badge");
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
    if (x !== this.box.x || y !== this.box.y) style.transform = `translate(${x}px, ${y}px)`;
    if (width !== this.box.width) style.width = `${width}px`;
    if (height !== this.box.height) style.height = `${height}px`;
    this.box = { x, y, width, height };
  }

  /** Ask for the thumbnail, unless it is shown or asked for already. */
  loadImage(): void {
    if (this.photo?.state !== "ready") return;
    const size = squareSizeFor(this.box.width, globalThis.devicePixelRatio);
    const source = thumbnailUrl(this.photo.id, size, this.photo.v);
    if (source === this.source) return;
    this.source = source;
    this.image.src = source;
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
    this.element.tabIndex = -1;
  }

  private dropImage(): void {
    this.source = "";
    this.image.removeAttribute("src");
    delete this.element.dataset["image"];
  }

  private showPlaceholder(placeholder: string | null): void {
    this.hash = placeholder === null ? null : thumbHashBytes(placeholder);
    this.canvas.width = 0;
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
      this.day.hidden = true;
      this.badge.hidden = true;
      return;
    }
    element.href = `/photos/${photo.id}`;
    element.dataset["state"] = photo.state;
    element.setAttribute("aria-label", labelOf(photo));
    this.day.hidden = photo.startsDay === null;
    this.day.textContent =
      photo.startsDay === null ? "" : formatLocal(photo.startsDay, { weekday: "short", day: "numeric" });
    const badge = this.badgeText(photo);
    this.badge.hidden = badge === "";
    this.badge.textContent = badge;
  }

  private badgeText(photo: TilePhoto): string {
    if (photo.state === "failed") return "!";
    if (photo.state === "processing") return "Processing";
    return photo.isVideo ? (photo.durationMs === null ? "Video" : formatDuration(photo.durationMs)) : "";
  }
}
