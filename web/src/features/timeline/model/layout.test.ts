import { describe, expect, it } from "vitest";

import { DENSITIES, planGrid } from "./grid";
import { layoutSquares, layoutTimeline, type MonthCount, sectionIndexAt, visibleRuns } from "./layout";

const GRID = { columns: 5, tilePx: 100.4, gapPx: 4, widthPx: 518 };

function monthsOf(counts: readonly number[]): MonthCount[] {
  return counts.map((count, index) => ({ month: `20${String(50 - index).padStart(2, "0")}-01`, count }));
}

describe("a grid of squares", () => {
  it("places every photo inside the width, without overlap and without a gap wider than one", () => {
    const body = layoutSquares(23, GRID);
    for (let index = 0; index < 23; index += 1) {
      const box = body.boxAt(index);
      expect(Number.isInteger(box.x) && Number.isInteger(box.width)).toBe(true);
      expect(box.x + box.width).toBeLessThanOrEqual(GRID.widthPx);
      const next = body.boxAt(index + 1);
      if (next.y === box.y) expect(next.x - (box.x + box.width)).toBe(GRID.gapPx);
      else expect(next.y - (box.y + box.height)).toBe(GRID.gapPx);
    }
  });

  it("is exactly as high as its last photo reaches", () => {
    for (const count of [1, 5, 6, 23, 100]) {
      const body = layoutSquares(count, GRID);
      const last = body.boxAt(count - 1);
      expect(body.height).toBe(last.y + last.height);
    }
  });

  it("finds exactly the rows that touch a range", () => {
    const body = layoutSquares(23, GRID);
    const row = body.boxAt(5).y;
    expect(body.rangeBetween(-500, 0)).toEqual([0, 0]);
    expect(body.rangeBetween(0, 1)).toEqual([0, 5]);
    expect(body.rangeBetween(row, row + 1)).toEqual([5, 10]);
    expect(body.rangeBetween(row - 10, row + 10)).toEqual([0, 10]);
    expect(body.rangeBetween(1e6, 2e6)).toEqual([23, 23]);
  });

  it("takes the last photo when the row below is too short", () => {
    const body = layoutSquares(7, GRID);
    expect(body.rowNeighbour(4, 1)).toBe(6);
    expect(body.rowNeighbour(6, 1)).toBeNull();
    expect(body.rowNeighbour(0, -1)).toBeNull();
    expect(body.rowNeighbour(6, -1)).toBe(1);
  });
});

describe("WEB-1 the densities", () => {
  it("show about 200, 100 and 30 photos on a full screen", () => {
    const viewport = { widthPx: 1208, heightPx: 836 };
    const shown = DENSITIES.map((density) => {
      const { columns, tilePx, gapPx } = planGrid(viewport, density);
      return columns * (viewport.heightPx / (tilePx + gapPx));
    });
    expect(shown[0]).toBeGreaterThan(170);
    expect(shown[0]).toBeLessThan(230);
    expect(shown[1]).toBeGreaterThan(80);
    expect(shown[1]).toBeLessThan(120);
    expect(shown[2]).toBeGreaterThan(23);
    expect(shown[2]).toBeLessThan(37);
  });

  it("keep tiles that a thumb can hit on a phone", () => {
    const grid = planGrid({ widthPx: 360, heightPx: 620 }, "small");
    expect(grid.tilePx).toBeGreaterThanOrEqual(48);
    expect(planGrid({ widthPx: 360, heightPx: 620 }, "large").columns).toBe(2);
  });
});

describe("the timeline", () => {
  const layout = layoutTimeline(monthsOf([12, 0, 1, 300, 7]), GRID);

  it("stacks the months without gaps and leaves out empty ones", () => {
    expect(layout.sections).toHaveLength(4);
    expect(layout.photoCount).toBe(320);
    let top = 0;
    for (const section of layout.sections) {
      expect(section.top).toBe(top);
      top = section.bottom;
    }
    expect(layout.height).toBe(top);
  });

  it("finds the section of every position", () => {
    layout.sections.forEach((section, index) => {
      expect(sectionIndexAt(layout, section.top)).toBe(index);
      expect(sectionIndexAt(layout, section.bottom - 1)).toBe(index);
    });
    expect(sectionIndexAt(layout, -5)).toBe(0);
    expect(sectionIndexAt(layout, 1e9)).toBe(3);
    expect(sectionIndexAt(layoutTimeline([], GRID), 0)).toBe(-1);
  });

  it("shows every photo exactly once when the view passes over all of it", () => {
    const seen = new Map<string, number>();
    const step = 250;
    for (let top = 0; top < layout.height; top += step) {
      for (const { section, first, end } of visibleRuns(layout, top, top + step)) {
        for (let index = first; index < end; index += 1) {
          const y = section.bodyTop + section.body.boxAt(index).y;
          if (y >= top && y < top + step) {
            const key = `${section.month}#${index}`;
            seen.set(key, (seen.get(key) ?? 0) + 1);
          }
        }
      }
    }
    expect(seen.size).toBe(320);
    expect(new Set(seen.values())).toEqual(new Set([1]));
  });

  it("has nothing to show when it is empty", () => {
    expect(visibleRuns(layoutTimeline([], GRID), 0, 800)).toEqual([]);
  });
});
