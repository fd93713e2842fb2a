import { describe, expect, it, vi } from "vitest";

import { batches } from "./batches";
import { Selection } from "./selection";
import { sliceBetween } from "./slice-between";

const idsOf = (selection: Selection) => [...selection.state().ids];

describe("WEB-3 a selection", () => {
  it("picks, and lets go of what is picked again", () => {
    const selection = new Selection();
    selection.toggle("a");
    selection.toggle("b");
    selection.toggle("a");
    expect(idsOf(selection)).toEqual(["b"]);
    expect(selection.has("b")).toBe(true);
  });

  it("is there from the first photo until the last one is let go", () => {
    const selection = new Selection();
    expect(selection.state().isSelecting).toBe(false);
    selection.toggle("a");
    expect(selection.state().isSelecting).toBe(true);
    selection.toggle("a");
    expect(selection.state().isSelecting).toBe(false);
  });

  it("can begin with nothing", () => {
    const selection = new Selection();
    selection.start();
    expect(selection.state()).toMatchObject({ isSelecting: true });
    selection.clear();
    expect(selection.state().isSelecting).toBe(false);
  });

  it("picks all of a group, and none of it when all are picked", () => {
    const selection = new Selection();
    selection.add(["a", "z"]);
    selection.toggleAll(["a", "b"]);
    expect(idsOf(selection)).toEqual(["a", "z", "b"]);
    selection.toggleAll(["a", "b"]);
    expect(idsOf(selection)).toEqual(["z"]);
    selection.toggleAll([]);
    expect(idsOf(selection)).toEqual(["z"]);
  });

  it("tells of every change with another object, and of nothing else", () => {
    const selection = new Selection();
    const listener = vi.fn();
    const stop = selection.subscribe(listener);
    const before = selection.state();
    selection.clear();
    selection.remove(["unknown"]);
    selection.setBusy(false);
    expect(listener).not.toHaveBeenCalled();
    expect(selection.state()).toBe(before);
    selection.add(["a"]);
    expect(listener).toHaveBeenCalledOnce();
    expect(selection.state()).not.toBe(before);
    stop();
    selection.clear();
    expect(listener).toHaveBeenCalledOnce();
  });
});

describe("lists", () => {
  it("are cut between two of their items, in either order", () => {
    expect(sliceBetween(["a", "b", "c", "d"], "d", "b")).toEqual(["b", "c", "d"]);
    expect(sliceBetween(["a", "b"], "a", "a")).toEqual(["a"]);
    expect(sliceBetween(["a", "b"], "a", "gone")).toBeNull();
  });

  it("are cut into parts that hold everything once", () => {
    expect(batches([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
    expect(batches([], 2)).toEqual([]);
  });
});
