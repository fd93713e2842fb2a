import { describe, expect, it } from "vitest";

import { type Cursor, cursorAt, type Move, moveCursor, moveOfKey } from "./cursor";
import { layoutTimeline } from "./layout";

const GRID = { columns: 4, tilePx: 100, gapPx: 4, widthPx: 412 };
const LAYOUT = layoutTimeline(
  [
    { month: "2024-06", count: 10 },
    { month: "2024-05", count: 3 },
    { month: "2024-04", count: 40 },
  ],
  GRID,
);
const go = (cursor: Cursor, ...moves: Move[]) => moves.reduce((at, move) => moveCursor(LAYOUT, at, move, 300), cursor);
const at = (month: string, index: number): Cursor => ({ month, index });

describe("WEB-1 the keyboard", () => {
  it("walks through all photos in order, across months", () => {
    let cursor = at("2024-06", 0);
    const seen = [cursor];
    for (;;) {
      const next = go(cursor, "right");
      if (next.month === cursor.month && next.index === cursor.index) break;
      seen.push((cursor = next));
    }
    expect(seen).toHaveLength(53);
    expect(seen.reduceRight((back) => go(back, "left"), cursor)).toEqual(at("2024-06", 0));
  });

  it("keeps the column when it goes down into another month", () => {
    expect(go(at("2024-06", 9), "down")).toEqual(at("2024-05", 1));
    expect(go(at("2024-05", 2), "down")).toEqual(at("2024-04", 2));
    expect(go(at("2024-04", 3), "up")).toEqual(at("2024-05", 2));
  });

  it("stays at the ends", () => {
    expect(go(at("2024-06", 2), "up")).toEqual(at("2024-06", 2));
    expect(go(at("2024-06", 0), "left")).toEqual(at("2024-06", 0));
    expect(go(at("2024-04", 39), "right", "down")).toEqual(at("2024-04", 39));
  });

  it("jumps to the first and the last photo of all", () => {
    expect(go(at("2024-05", 1), "last")).toEqual(at("2024-04", 39));
    expect(go(at("2024-05", 1), "first")).toEqual(at("2024-06", 0));
  });

  it("moves by about a view with the page keys, and back", () => {
    const down = go(at("2024-06", 0), "pageDown");
    expect(down).not.toEqual(at("2024-06", 0));
    expect(go(at("2024-04", 39), "pageDown")).toEqual(at("2024-04", 39));
    expect(go(at("2024-06", 0), "pageUp")).toEqual(at("2024-06", 0));
  });

  it("begins at the first photo that is wholly in view", () => {
    const top = LAYOUT.sections[0]!.bodyTop + 10;
    expect(cursorAt(LAYOUT, top)).toEqual(at("2024-06", 4));
    expect(cursorAt(LAYOUT, 0)).toEqual(at("2024-06", 0));
    expect(cursorAt(layoutTimeline([], GRID), 0)).toBeNull();
  });

  it("knows its keys and no others", () => {
    expect(moveOfKey("PageDown")).toBe("pageDown");
    expect(moveOfKey("a")).toBeNull();
  });
});
