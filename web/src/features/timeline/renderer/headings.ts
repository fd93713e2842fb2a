/** The month headings on the stage. */
import { formatCount, formatMonth } from "@/shared/lib/format";

import type { VisibleRun } from "../model/layout";
import type { StageSpace } from "./tile-pool";
import styles from "./timeline.module.css";

interface Heading {
  element: HTMLElement;
  title: HTMLElement;
  count: HTMLElement;
  select: HTMLButtonElement;
  month: string;
}

/** What of the selection the headings show. */
export interface HeadingMarks {
  isSelecting: boolean;
  hasAllOf: (month: string) => boolean;
}

export class Headings {
  private readonly stage: HTMLElement;
  private readonly onSelect: (month: string) => void;
  private readonly shown = new Map<string, Heading>();

  constructor(stage: HTMLElement, onSelect: (month: string) => void) {
    this.stage = stage;
    this.onSelect = onSelect;
  }

  show(runs: readonly VisibleRun[], space: StageSpace, marks: HeadingMarks): void {
    const months = new Set(runs.map(({ section }) => section.month));
    const free: Heading[] = [];
    for (const [month, heading] of this.shown) {
      if (months.has(month)) continue;
      this.shown.delete(month);
      free.push(heading);
    }
    for (const { section } of runs) {
      const heading = this.shown.get(section.month) ?? free.pop() ?? this.make();
      this.shown.set(section.month, heading);
      const name = formatMonth(section.month);
      const isPicked = marks.isSelecting && marks.hasAllOf(section.month);
      heading.month = section.month;
      if (heading.title.textContent !== name) {
        heading.title.textContent = name;
        heading.select.setAttribute("aria-label", `Select all of ${name}`);
        heading.select.title = `Select all of ${name}`;
      }
      heading.count.textContent = formatCount(section.count);
      if (heading.select.ariaPressed !== String(isPicked)) heading.select.ariaPressed = String(isPicked);
      heading.element.style.transform = `translate(${space.insetX}px, ${section.top + space.shiftY}px)`;
      if (!heading.element.isConnected) this.stage.append(heading.element);
    }
    for (const heading of free) heading.element.remove();
  }

  private make(): Heading {
    const element = document.createElement("div");
    element.className = styles["heading"] ?? "";
    const title = document.createElement("h2");
    const count = document.createElement("span");
    const select = document.createElement("button");
    select.type = "button";
    element.append(title, count, select);
    const heading = { element, title, count, select, month: "" };
    select.addEventListener("click", () => {
      this.onSelect(heading.month);
    });
    return heading;
  }
}
