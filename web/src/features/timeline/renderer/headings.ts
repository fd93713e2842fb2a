/** The month headings on the stage. */
import { formatCount, formatMonth } from "@/shared/lib/format";

import type { VisibleRun } from "../model/layout";
import type { StageSpace } from "./tile-pool";
import styles from "./timeline.module.css";

interface Heading {
  element: HTMLElement;
  title: HTMLElement;
  count: HTMLElement;
}

function makeHeading(): Heading {
  const element = document.createElement("div");
  element.className = styles["heading"] ?? "";
  const title = document.createElement("h2");
  const count = document.createElement("span");
  element.append(title, count);
  return { element, title, count };
}

export class Headings {
  private readonly stage: HTMLElement;
  private readonly shown = new Map<string, Heading>();

  constructor(stage: HTMLElement) {
    this.stage = stage;
  }

  show(runs: readonly VisibleRun[], space: StageSpace): void {
    const months = new Set(runs.map(({ section }) => section.month));
    const free: Heading[] = [];
    for (const [month, heading] of this.shown) {
      if (months.has(month)) continue;
      this.shown.delete(month);
      free.push(heading);
    }
    for (const { section } of runs) {
      const heading = this.shown.get(section.month) ?? free.pop() ?? makeHeading();
      this.shown.set(section.month, heading);
      heading.title.textContent = formatMonth(section.month);
      heading.count.textContent = formatCount(section.count);
      heading.element.style.transform = `translate(${space.insetX}px, ${section.top + space.shiftY}px)`;
      if (!heading.element.isConnected) this.stage.append(heading.element);
    }
    for (const heading of free) heading.element.remove();
  }
}
