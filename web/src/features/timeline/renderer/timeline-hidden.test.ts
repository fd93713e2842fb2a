import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { COUNTS, showView } from "./testing/show-view";

const show = () => showView((ms) => vi.advanceTimersByTimeAsync(ms));

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(1000);
  vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(800);
});
afterEach(() => {
  vi.useRealTimers();
  document.body.replaceChildren();
});

describe("WEB-5 hidden photos", () => {
  it("are gone at once, the others close up, and come back when it is undone", async () => {
    const { view, root, findTile } = await show();
    const before = view.layout.photoCount;
    view.hide(new Set(["2024-06/0", "2024-06/1"]));
    expect(findTile("2024-06/0")).toBeNull();
    expect(view.layout.photoCount).toBe(before - 2);
    expect(root.querySelector("a")?.getAttribute("href")).toBe("/photos/2024-06/2");
    view.hide(new Set());
    expect(view.layout.photoCount).toBe(before);
    expect(findTile("2024-06/0")).not.toBeNull();
  });

  it("are not in a range, and take their month with them when it has no others", async () => {
    const { view, selection, tile, click, ids } = await show();
    view.hide(new Set(["2024-06/1"]));
    selection.start();
    await click(tile("2024-06/0"));
    await click(tile("2024-06/3"), { shiftKey: true });
    expect(ids()).toEqual(["2024-06/0", "2024-06/2", "2024-06/3"]);
    view.hide(new Set(Array.from({ length: 40 }, (_, index) => `2024-06/${index}`)));
    expect(view.layout.sections[0]!.month).toBe("2024-05");
  });

  it("are said to be shown anew only when they are, however often the same list comes", async () => {
    const { view, source } = await show();
    let answer: (() => void) | undefined;
    const reload = source.reload.bind(source);
    source.reload = async (month, signal) => {
      await new Promise<void>((resolve) => (answer = resolve));
      return reload(month, signal);
    };
    const months = [{ month: "2024-06", count: 40 }];
    const shown: string[] = [];
    void view.setMonths(months, 2).then(() => shown.push("first"));
    void view.setMonths(months, 2).then(() => shown.push("again"));
    await vi.advanceTimersByTimeAsync(50);
    expect(shown).toEqual([]);
    answer?.();
    await vi.advanceTimersByTimeAsync(50);
    expect(shown).toEqual(["first", "again"]);
  });

  it("are not counted in months out of view either, as far as these are remembered", async () => {
    const { view, source } = await show();
    const far = await source.load("2024-02", new AbortController().signal);
    source.remembered = (month) => (month === "2024-02" ? far : undefined);
    view.hide(new Set(far.columns.ids.slice(1)));
    expect(view.layout.sections.at(-1)).toMatchObject({ month: "2024-02", count: 1 });
  });

  it("give the focus to a photo that is there, and leave no tile behind", async () => {
    const { view, root, tile, findTile } = await show();
    tile("2024-06/39").focus();
    view.hide(new Set(["2024-06/39"]));
    expect(document.activeElement).toBe(tile("2024-06/38"));
    expect(findTile("2024-06/39")).toBeNull();
    view.hide(new Set(Object.keys(COUNTS).flatMap((month) => Array.from({ length: 40 }, (_, i) => `${month}/${i}`))));
    expect(document.activeElement?.getAttribute("href")).toBe("/photos/2024-05/40");
    await view.setMonths([], 2);
    expect(root.querySelectorAll("a:not([hidden])")).toHaveLength(0);
  });

  it("stay hidden in what the server tells meanwhile", async () => {
    const { view } = await show();
    view.hide(new Set(["2024-06/0"]));
    await view.setMonths(
      Object.entries(COUNTS).map(([month, count]) => ({ month, count })),
      2,
    );
    expect(view.layout.sections[0]!.count).toBe(39);
  });
});
