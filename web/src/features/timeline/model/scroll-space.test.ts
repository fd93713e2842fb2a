import { describe, expect, it } from "vitest";

import { planGrid } from "./grid";
import { layoutTimeline } from "./layout";
import { makeScrollSpace, MAX_SCROLL_PX, moveTo, needsRecentre, recentre, scrolledTo } from "./scroll-space";

const VIEW = 800;
/** One million photos in the largest tiles. */
const MILLION = layoutTimeline(
  Array.from({ length: 250 }, (_, i) => ({
    month: `${2050 - Math.floor(i / 12)}-${String(12 - (i % 12)).padStart(2, "0")}`,
    count: 4000,
  })),
  planGrid({ widthPx: 1200, heightPx: VIEW }, "large"),
);

describe("scroll space", () => {
  it("is layout space while an element can be that high", () => {
    const space = scrolledTo(makeScrollSpace(100_000, VIEW), 31_415);
    expect(space.scrollHeight).toBe(100_000);
    expect(space.layoutTop).toBe(31_415);
    expect(needsRecentre(space)).toBe(false);
  });

  it("WEB-1 stays under the browsers' cap with a million photos and still reaches both ends", () => {
    const space = makeScrollSpace(MILLION.height, VIEW);
    expect(MILLION.photoCount).toBe(1_000_000);
    expect(MILLION.height).toBeGreaterThan(20_000_000);
    expect(space.scrollHeight).toBe(MAX_SCROLL_PX);
    expect(scrolledTo(space, MAX_SCROLL_PX).layoutTop).toBe(MILLION.height - VIEW);
    expect(scrolledTo(scrolledTo(space, MAX_SCROLL_PX), 0).layoutTop).toBe(0);
  });

  it("moves by the wheel's own distance, whatever the height", () => {
    const space = moveTo(makeScrollSpace(MILLION.height, VIEW), 12_345_678);
    expect(scrolledTo(space, space.scrollTop + 120).layoutTop).toBe(12_345_798);
    expect(scrolledTo(space, space.scrollTop - 1).layoutTop).toBe(12_345_677);
  });

  it("takes a jump of the scroll bar in proportion", () => {
    const space = makeScrollSpace(MILLION.height, VIEW);
    const middle = scrolledTo(space, (MAX_SCROLL_PX - VIEW) / 2);
    expect(middle.layoutTop).toBeCloseTo((MILLION.height - VIEW) / 2, 0);
  });

  it("keeps the layout where it is when drift is repaired", () => {
    let space = moveTo(makeScrollSpace(MILLION.height, VIEW), 9_000_000);
    for (let i = 0; i < 500; i += 1) space = scrolledTo(space, space.scrollTop + 300);
    const repaired = recentre(space);
    expect(repaired.layoutTop).toBe(space.layoutTop);
    expect(repaired.scrollTop).not.toBe(space.scrollTop);
  });

  it("never lets the end of the scroll bar stop a layout that can go on", () => {
    let space = moveTo(makeScrollSpace(MILLION.height, VIEW), MILLION.height - 400_000);
    for (let i = 0; i < 3_000 && space.layoutTop < MILLION.height - VIEW; i += 1) {
      space = scrolledTo(space, space.scrollTop + 200);
      if (needsRecentre(space)) space = recentre(space);
    }
    expect(space.layoutTop).toBe(MILLION.height - VIEW);
  });

  it("never lets the start of the scroll bar stop a layout that can go back", () => {
    let space = moveTo(makeScrollSpace(MILLION.height, VIEW), 400_000);
    for (let i = 0; i < 3_000 && space.layoutTop > 0; i += 1) {
      space = scrolledTo(space, space.scrollTop - 200);
      if (needsRecentre(space)) space = recentre(space);
    }
    expect(space.layoutTop).toBe(0);
  });

  it("stands still when the layout is smaller than the view", () => {
    const space = scrolledTo(makeScrollSpace(300, VIEW, 900), 50);
    expect(space.layoutTop).toBe(0);
  });
});
