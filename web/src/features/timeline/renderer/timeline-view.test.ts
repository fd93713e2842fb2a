import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { Selection } from "@/shared/lib/selection";
import { monthColumns } from "@/shared/testing/month-columns";

import { makeMonthData } from "../model/month-data";
import type { Frame } from "./frame";
import type { MonthSource } from "./month-store";
import { TimelineView } from "./timeline-view";

const WIDTH = 1000;
const HEIGHT = 800;

/** jsdom lays nothing out: sizes are given, scrolling is told. */
function giveSizes(): void {
  vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(WIDTH);
  vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(HEIGHT);
}

function makeView(counts: Record<string, number>) {
  const requests: string[] = [];
  const aborted: string[] = [];
  const load = (month: string, signal: AbortSignal) => {
    requests.push(month);
    signal.addEventListener("abort", () => aborted.push(month));
    return Promise.resolve(makeMonthData(monthColumns(month, counts[month] ?? 0)));
  };
  const markStale = vi.fn();
  const source: MonthSource = { load, reload: load, markStale, remembered: () => undefined };
  const root = document.body.appendChild(document.createElement("div"));
  const opened: string[] = [];
  let frame: Frame | null = null;
  const selection = new Selection();
  const failures: unknown[] = [];
  const view = new TimelineView(root, source, "medium", selection, {
    onOpen: (id) => opened.push(id),
    onFrame: (next) => (frame = next),
    onPickFailure: (error) => failures.push(error),
  });
  const months = () => Object.entries(counts).map(([month, count]) => ({ month, count }));
  const scroller = root.firstElementChild!;
  const scroll = async (top: number) => {
    scroller.scrollTop = top;
    scroller.dispatchEvent(new Event("scroll"));
    await vi.advanceTimersByTimeAsync(400);
  };
  const tiles = () => [...root.querySelectorAll<HTMLAnchorElement>("a:not([hidden])")];
  return {
    view,
    root,
    markStale,
    requests,
    aborted,
    opened,
    months,
    scroll,
    tiles,
    counts,
    selection,
    failures,
    frame: () => frame,
  };
}

beforeEach(() => {
  vi.useFakeTimers();
  giveSizes();
});
afterEach(() => {
  vi.useRealTimers();
  document.body.replaceChildren();
});

describe("the view", () => {
  it("loads only the months near the view and asks for thumbnails only", async () => {
    const { view, months, requests, tiles } = makeView({ "2024-06": 500, "2024-05": 500, "2024-04": 500 });
    await view.setMonths(months(), 1);
    await vi.advanceTimersByTimeAsync(50);
    expect(requests).toEqual(["2024-06"]);
    const sources = tiles().map((tile) => tile.querySelector("img")!.getAttribute("src"));
    expect(sources.length).toBeGreaterThan(50);
    for (const source of sources) expect(source).toMatch(/^\/api\/photos\/.+\/thumbnail\?size=(64|128|256|512)&v=1$/);
  });

  it("recycles its tiles: their number follows the view, not the distance scrolled", async () => {
    const { view, root, months, scroll, tiles } = makeView({ "2024-06": 20_000, "2024-05": 20_000 });
    await view.setMonths(months(), 1);
    await vi.advanceTimersByTimeAsync(50);
    const nodes = [];
    for (let top = 0; top < 20_000; top += 2_500) {
      await scroll(top);
      nodes.push(root.querySelectorAll("*").length);
    }
    expect(Math.max(...nodes)).toBeLessThan(Math.min(...nodes) * 2);
    expect(tiles().length).toBeLessThan(250);
  });

  it("keeps the photo in view when newer ones arrive", async () => {
    const { view, months, scroll, counts, frame, markStale } = makeView({ "2024-06": 300, "2024-05": 3_000 });
    await view.setMonths(months(), 1);
    await scroll(5_000);
    const before = view.position();
    const topBefore = frame()!.top;
    counts["2024-06"] = 900;
    await view.setMonths(months(), 2);
    expect(markStale).toHaveBeenCalled();
    const after = view.position();
    expect(after?.id).toBe(before?.id);
    expect(after?.offsetPx).toBe(before?.offsetPx);
    expect(frame()!.top).toBeGreaterThan(topBefore);
  });

  it("asks for nothing again while nothing changed", async () => {
    const { view, months, requests } = makeView({ "2024-06": 300 });
    await view.setMonths(months(), 1);
    await vi.advanceTimersByTimeAsync(50);
    await view.setMonths(months(), 1);
    expect(requests).toEqual(["2024-06"]);
    await view.setMonths(months(), 2);
    expect(requests).toEqual(["2024-06", "2024-06"]);
  });

  it("opens a photo on a plain click, and leaves the others to the browser", async () => {
    const { view, months, tiles, opened } = makeView({ "2024-06": 40 });
    await view.setMonths(months(), 1);
    await vi.advanceTimersByTimeAsync(50);
    const tile = tiles()[3]!;
    tile.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, ctrlKey: true }));
    expect(opened).toEqual([]);
    tile.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
    expect(opened).toEqual(["2024-06/3"]);
  });

  it("moves the focus by keys, with one tile in the tab order", async () => {
    const { view, months, tiles } = makeView({ "2024-06": 400 });
    await view.setMonths(months(), 1);
    await vi.advanceTimersByTimeAsync(50);
    view.move("down");
    expect(document.activeElement?.getAttribute("href")).toBe("/photos/2024-06/0");
    view.move("right");
    expect(document.activeElement?.getAttribute("href")).toBe("/photos/2024-06/1");
    expect(tiles().filter((tile) => tile.tabIndex === 0)).toEqual([document.activeElement]);
    view.move("last");
    await vi.advanceTimersByTimeAsync(50);
    expect(document.activeElement?.getAttribute("href")).toBe("/photos/2024-06/399");
  });

  it("comes back to a position that was asked for before there were months", async () => {
    const { view, months } = makeView({ "2024-06": 3_000, "2024-05": 3_000 });
    view.restore({ month: "2024-05", index: 700, id: "2024-05/700", offsetPx: -20 });
    await view.setMonths(months(), 1);
    await vi.advanceTimersByTimeAsync(50);
    expect(view.position()).toMatchObject({ month: "2024-05", index: 700, id: "2024-05/700", offsetPx: -20 });
  });

  it("puts the keyboard on a photo that was asked for before there were months", async () => {
    const { view, months } = makeView({ "2024-06": 3_000, "2024-05": 3_000 });
    await view.reveal("2024-05/700", "2024-05", true);
    await view.setMonths(months(), 1);
    await vi.advanceTimersByTimeAsync(50);
    expect(document.activeElement?.getAttribute("href")).toBe("/photos/2024-05/700");
  });

  it("tries a month again that could not be loaded", async () => {
    giveSizes();
    const load = vi
      .fn<MonthSource["load"]>()
      .mockRejectedValueOnce(new Error("away"))
      .mockResolvedValue(makeMonthData(monthColumns("2024-06", 10)));
    const root = document.body.appendChild(document.createElement("div"));
    const source: MonthSource = { load, reload: load, markStale: vi.fn(), remembered: () => undefined };
    const view = new TimelineView(root, source, "medium", new Selection(), {
      onOpen: vi.fn(),
      onFrame: vi.fn(),
      onPickFailure: vi.fn(),
    });
    await view.setMonths([{ month: "2024-06", count: 10 }], 1);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(load).toHaveBeenCalledTimes(2);
    expect(root.querySelectorAll("a[data-state=ready]")).toHaveLength(10);
  });

  it("leaves nothing behind", async () => {
    const { view, root, months } = makeView({ "2024-06": 400 });
    await view.setMonths(months(), 1);
    view.destroy();
    expect(root.childElementCount).toBe(0);
  });
});
