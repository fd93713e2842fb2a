import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { showView } from "./testing/show-view";

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

function pointer(type: string, change: object = {}): Event {
  const event = new Event(type, { bubbles: true, cancelable: true });
  return Object.assign(event, { pointerType: "touch", isPrimary: true, clientX: 5, clientY: 5, ...change });
}

describe("WEB-1 picking in the grid", () => {
  it("begins at the round button of the tile under the pointer, and goes on with plain clicks", async () => {
    const { root, tile, click, ids, opened } = await show();
    tile("2024-06/3").dispatchEvent(new Event("pointerover", { bubbles: true }));
    const handle = root.querySelector<HTMLButtonElement>("button[title='Select (X)']")!;
    expect(handle.hidden).toBe(false);
    expect(handle.getAttribute("aria-label")).toMatch(/^Select Photo, June 15, 2024/);
    await click(handle);
    await click(tile("2024-06/5"));
    expect(ids()).toEqual(["2024-06/3", "2024-06/5"]);
    expect(opened).toEqual([]);
    await click(tile("2024-06/3"));
    await click(tile("2024-06/5"));
    await click(tile("2024-06/5"));
    expect(opened).toEqual(["2024-06/5"]);
  });

  it("makes checkboxes of the tiles while it lasts", async () => {
    const { selection, tile } = await show();
    expect(tile("2024-06/1").getAttribute("role")).toBeNull();
    selection.toggle("2024-06/1");
    await vi.advanceTimersByTimeAsync(100);
    expect(tile("2024-06/1").getAttribute("role")).toBe("checkbox");
    expect(["2024-06/1", "2024-06/2"].map((id) => tile(id).getAttribute("aria-checked"))).toEqual(["true", "false"]);
    selection.clear();
    await vi.advanceTimersByTimeAsync(100);
    expect(tile("2024-06/1").getAttribute("role")).toBeNull();
    expect(tile("2024-06/1").hasAttribute("aria-checked")).toBe(false);
  });

  it("takes a range with the shift key, also over months that nobody has looked at", async () => {
    const { view, selection, tile, click, scrollTo, ids, requests } = await show();
    selection.start();
    await click(tile("2024-06/38"));
    await scrollTo(view.layout.sections[4]!.bodyTop + 200);
    expect(requests).not.toContain("2024-04");
    await click(tile("2024-02/12"), { shiftKey: true });
    expect(requests).toContain("2024-04");
    expect(ids()).toHaveLength(2 + 3 * 900 + 13);
    expect(ids().at(0)).toBe("2024-06/38");
    expect(ids().at(-1)).toBe("2024-02/12");
    expect(selection.state().isBusy).toBe(false);
  });

  it("keeps what is picked when its tile is used for another photo", async () => {
    const { view, selection, tile, scrollTo, root } = await show();
    selection.toggle("2024-06/2");
    await scrollTo(view.layout.sections[2]!.bodyTop);
    expect(root.querySelectorAll("a[data-selected]")).toHaveLength(0);
    await scrollTo(0);
    expect(root.querySelectorAll("a[data-selected]")).toHaveLength(1);
    expect(tile("2024-06/2").hasAttribute("data-selected")).toBe(true);
  });

  it("forgets a range that is still being fetched when everything is let go", async () => {
    const { source, selection, view, tile, click, scrollTo, ids } = await show();
    selection.start();
    await click(tile("2024-06/0"));
    await scrollTo(view.layout.sections[4]!.bodyTop + 200);
    let answer: (() => void) | undefined;
    const load = source.load.bind(source);
    source.load = async (month, signal) => {
      await new Promise<void>((resolve) => (answer = resolve));
      return load(month, signal);
    };
    await click(tile("2024-02/12"), { shiftKey: true });
    expect(selection.state().isBusy).toBe(true);
    selection.clear();
    answer?.();
    await vi.advanceTimersByTimeAsync(500);
    expect(ids()).toEqual([]);
    expect(selection.state().isBusy).toBe(false);
  });

  it("says when a range could not be fetched, and keeps what was picked", async () => {
    const { source, selection, view, tile, click, scrollTo, ids, failures } = await show();
    selection.start();
    await click(tile("2024-06/0"));
    await scrollTo(view.layout.sections[4]!.bodyTop + 200);
    source.load = () => Promise.reject(new Error("away"));
    await click(tile("2024-02/12"), { shiftKey: true });
    expect(failures).toHaveLength(1);
    expect(ids()).toEqual(["2024-06/0"]);
    expect(selection.state().isBusy).toBe(false);
  });

  it("takes all of a day by its date, and all of a month by its heading", async () => {
    const { root, tile, click, ids } = await show();
    await click(tile("2024-06/0").querySelector("span")!);
    expect(ids()).toEqual(Array.from({ length: 10 }, (_, index) => `2024-06/${index}`));
    const heading = root.querySelector("button[aria-label='Select all of June 2024']")!;
    await click(heading);
    expect(ids()).toHaveLength(40);
    expect(heading.ariaPressed).toBe("true");
    await click(heading);
    expect(ids()).toEqual([]);
  });

  it("picks by the keyboard: the photo with X, all of its day with the shift key, and with the space bar", async () => {
    const { view, tile, ids, opened } = await show();
    expect(view.pickFocused(false)).toBe(false);
    view.move("right");
    expect(view.pickFocused(false)).toBe(true);
    expect(ids()).toEqual(["2024-06/0"]);
    const space = new KeyboardEvent("keydown", { key: " ", bubbles: true, cancelable: true });
    tile("2024-06/0").dispatchEvent(space);
    expect(space.defaultPrevented).toBe(true);
    expect(ids()).toEqual([]);
    view.pickFocused(true);
    expect(ids()).toHaveLength(10);
    expect(opened).toEqual([]);
  });

  it("leaves the space bar to the page while nothing is picked", async () => {
    const { view, tile } = await show();
    view.move("right");
    const space = new KeyboardEvent("keydown", { key: " ", bubbles: true, cancelable: true });
    tile("2024-06/0").dispatchEvent(space);
    expect(space.defaultPrevented).toBe(false);
  });
});

describe("a finger", () => {
  it("picks by resting on a photo, and what lifts it opens nothing", async () => {
    const { tile, click, ids, opened } = await show();
    tile("2024-06/4").dispatchEvent(pointer("pointerdown"));
    await vi.advanceTimersByTimeAsync(600);
    expect(ids()).toEqual(["2024-06/4"]);
    const menu = new Event("contextmenu", { bubbles: true, cancelable: true });
    tile("2024-06/4").dispatchEvent(menu);
    expect(menu.defaultPrevented).toBe(true);
    tile("2024-06/4").dispatchEvent(pointer("pointerup"));
    await click(tile("2024-06/4"));
    expect(ids()).toEqual(["2024-06/4"]);
    await click(tile("2024-06/6"));
    expect(ids()).toEqual(["2024-06/4", "2024-06/6"]);
    expect(opened).toEqual([]);
  });

  it.each(["pointermove", "pointercancel", "pointerup"])("picks nothing when it scrolls or taps: %s", async (type) => {
    const { tile, ids } = await show();
    tile("2024-06/4").dispatchEvent(pointer("pointerdown"));
    tile("2024-06/4").dispatchEvent(pointer(type, { clientX: 5, clientY: 60 }));
    await vi.advanceTimersByTimeAsync(600);
    expect(ids()).toEqual([]);
  });
});
