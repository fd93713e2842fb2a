import { describe, expect, it } from "vitest";

import { monthColumns } from "@/shared/testing/month-columns";

import { anchorAt, topForAnchor } from "./anchor";
import { planGrid } from "./grid";
import { layoutTimeline, type MonthCount } from "./layout";
import { makeMonthData, type MonthData } from "./month-data";

const GRID = planGrid({ widthPx: 1000, heightPx: 800 }, "medium");
const layoutOf = (...months: MonthCount[]) => layoutTimeline(months, GRID);
const lookup = (...data: MonthData[]) => {
  const months = new Map(data.map((entry) => [entry.month, entry]));
  return (month: string) => months.get(month);
};
const JUNE = { month: "2024-06", count: 100 };
const MAY = { month: "2024-05", count: 80 };

describe("the anchor", () => {
  it("keeps a photo where it is when newer photos arrive above", () => {
    const before = layoutOf(JUNE, MAY);
    const may = lookup(makeMonthData(monthColumns("2024-05", 80)));
    const top = before.sections[1]!.bodyTop + 250;
    const anchor = anchorAt(before, top, may);
    const after = layoutOf({ month: "2024-07", count: 33 }, { ...JUNE, count: 140 }, MAY);
    const moved = topForAnchor(after, anchor, may);
    expect(moved - after.sections[2]!.bodyTop).toBe(250);
  });

  it("follows its photo by id when the month itself changes", () => {
    const before = layoutOf(JUNE);
    const old = makeMonthData(monthColumns("2024-06", 100));
    const anchor = anchorAt(before, before.sections[0]!.bodyTop + 300, lookup(old));
    const ids = ["new-1", "new-2", "new-3", ...old.columns.ids];
    const changed = makeMonthData({ ...monthColumns("2024-06", 103), ids });
    const after = layoutOf({ ...JUNE, count: 103 });
    const top = topForAnchor(after, anchor, lookup(changed));
    const { body, bodyTop } = after.sections[0]!;
    expect(bodyTop + body.boxAt(ids.indexOf(anchor?.id ?? "")).y - top).toBe(anchor?.offsetPx);
  });

  it("lets new photos push in at the very top", () => {
    expect(anchorAt(layoutOf(JUNE, MAY), 0, lookup())).toBeNull();
    expect(topForAnchor(layoutOf(JUNE, MAY), null, lookup())).toBe(0);
  });

  it("goes to the next older month when its own is gone", () => {
    const anchor = { month: "2024-06", index: 5, id: null, offsetPx: 0 };
    const after = layoutOf({ month: "2024-07", count: 20 }, MAY);
    expect(topForAnchor(after, anchor, lookup())).toBe(after.sections[1]!.top);
  });

  it("keeps the photo when the density changes", () => {
    const before = layoutOf(JUNE, MAY);
    const anchor = anchorAt(before, 700, lookup());
    const after = layoutTimeline([JUNE, MAY], planGrid({ widthPx: 1000, heightPx: 800 }, "large"));
    const top = topForAnchor(after, anchor, lookup());
    expect(anchorAt(after, top, lookup())?.month).toBe(anchor?.month);
    expect(after.sections[0]!.bodyTop + after.sections[0]!.body.boxAt(anchor!.index).y - top).toBe(anchor?.offsetPx);
  });
});
