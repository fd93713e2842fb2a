import { describe, expect, it } from "vitest";

import { monthColumns } from "@/shared/testing/month-columns";

import { withoutPhotos } from "./hidden";
import { intentOf, type TileClick } from "./intent";
import { makeMonthData } from "./month-data";
import { idsBetween, idsOfDayAt, monthsBetween } from "./range";

const MONTHS = ["2024-06", "2024-05", "2024-03", "2023-12"].map((month) => ({ month, count: 3 }));
const data = (month: string, count = 3, change = {}) => makeMonthData(monthColumns(month, count, change));

describe("WEB-1 a range of photos", () => {
  it("covers the months from one to the other, whichever was picked first", () => {
    expect(monthsBetween(MONTHS, "2024-05", "2023-12")).toEqual(["2024-05", "2024-03", "2023-12"]);
    expect(monthsBetween(MONTHS, "2023-12", "2024-05")).toEqual(["2024-05", "2024-03", "2023-12"]);
    expect(monthsBetween(MONTHS, "2024-05", "2024-05")).toEqual(["2024-05"]);
  });

  it("covers the months between even when an end has no photos any more", () => {
    expect(monthsBetween(MONTHS, "2024-04", "2023-11")).toEqual(["2024-03", "2023-12"]);
  });

  it("takes all photos between, both ends included, in either direction", () => {
    const months = [data("2024-05"), data("2024-03"), data("2023-12")];
    const expected = ["2024-05/2", "2024-03/0", "2024-03/1", "2024-03/2", "2023-12/0"];
    expect(idsBetween(months, "2024-05/2", "2023-12/0")).toEqual(expected);
    expect(idsBetween(months, "2023-12/0", "2024-05/2")).toEqual(expected);
  });

  it("is not guessed when an end is gone", () => {
    expect(idsBetween([data("2024-05")], "2024-05/0", "gone")).toBeNull();
  });
});

describe("a day", () => {
  const DAYS = [
    ["2024-06-20", 2],
    ["2024-06-10", 3],
  ];

  it("is all of its photos, from whichever of them it is asked for", () => {
    const month = data("2024-06", 5, { days: DAYS });
    expect(idsOfDayAt(month, 0)).toEqual(["2024-06/0", "2024-06/1"]);
    expect(idsOfDayAt(month, 4)).toEqual(["2024-06/2", "2024-06/3", "2024-06/4"]);
    expect(idsOfDayAt(month, 5)).toEqual([]);
  });

  it("goes from its month when all of its photos are hidden", () => {
    const month = data("2024-06", 5, { days: DAYS });
    const left = withoutPhotos(month, new Set(["2024-06/0", "2024-06/1", "2024-06/3"]));
    expect(left.columns.ids).toEqual(["2024-06/2", "2024-06/4"]);
    expect(left.columns.days).toEqual([["2024-06-10", 2]]);
    expect([...left.dayStarts]).toEqual([[0, "2024-06-10"]]);
    expect(left.count).toBe(2);
  });

  it("leaves a month alone that has none of the hidden photos", () => {
    const month = data("2024-06");
    expect(withoutPhotos(month, new Set(["2024-05/0"]))).toBe(month);
  });
});

describe("a click on a tile", () => {
  const PLAIN: TileClick = {
    isPrimary: true,
    ctrl: false,
    alt: false,
    shift: false,
    onDay: false,
    isSelecting: false,
  };
  it.each([
    [{}, "open"],
    [{ isSelecting: true }, "toggle"],
    [{ shift: true }, "extend"],
    [{ shift: true, isSelecting: true }, "extend"],
    [{ onDay: true }, "day"],
    [{ ctrl: true, isSelecting: true }, null],
    [{ alt: true }, null],
    [{ isPrimary: false, isSelecting: true }, null],
  ])("%j means %s", (change, intent) => {
    expect(intentOf({ ...PLAIN, ...change })).toBe(intent);
  });
});
