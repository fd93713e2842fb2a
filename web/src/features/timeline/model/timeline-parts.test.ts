import { describe, expect, it } from "vitest";

import { monthColumns } from "@/shared/testing/month-columns";

import { planGrid } from "./grid";
import { layoutTimeline } from "./layout";
import { makeMonthData, photoAt } from "./month-data";
import { findPlace, neighbourPlaces } from "./neighbours";
import { fractionAt, scrubberMarks, sectionInView, topAtFraction } from "./scrubber";

const MONTHS = [
  { month: "2024-03", count: 2 },
  { month: "2024-02", count: 0 },
  { month: "2024-01", count: 3 },
];

describe("neighbours of a photo", () => {
  it("lie in the months beside it at the borders, past empty months", () => {
    expect(neighbourPlaces(MONTHS, { month: "2024-03", index: 1 })).toEqual({
      previous: { month: "2024-03", index: 0 },
      next: { month: "2024-01", index: 0 },
    });
    expect(neighbourPlaces(MONTHS, { month: "2024-01", index: 0 }).previous).toEqual({ month: "2024-03", index: 1 });
  });

  it("end at the ends", () => {
    expect(neighbourPlaces(MONTHS, { month: "2024-03", index: 0 }).previous).toBeNull();
    expect(neighbourPlaces(MONTHS, { month: "2024-01", index: 2 }).next).toBeNull();
    expect(neighbourPlaces([], { month: "2024-01", index: 2 })).toEqual({ previous: null, next: null });
  });

  it("are found from a photo in any loaded month", () => {
    const loaded = new Map(MONTHS.map(({ month, count }) => [month, makeMonthData(monthColumns(month, count))]));
    expect(findPlace(loaded, "2024-01/2", "2024-03")).toEqual({ month: "2024-01", index: 2 });
    expect(findPlace(loaded, "nowhere", null)).toBeNull();
  });
});

describe("a tile", () => {
  const tile = (change: Parameters<typeof monthColumns>[2]) =>
    photoAt(makeMonthData(monthColumns("2024-05", 1, change)), 0);

  it("is processing until there is a version, and failed when there will be none", () => {
    expect(tile({})?.state).toBe("ready");
    expect(tile({ v: [0], statuses: ["PROCESSING"] })?.state).toBe("processing");
    expect(tile({ v: [0], statuses: ["FAILED"] })?.state).toBe("failed");
    expect(tile({ v: [0], statuses: ["STORED"] })?.state).toBe("failed");
  });

  it("names the day where a day begins", () => {
    const days: [string, number][] = [
      ["2024-05-20", 2],
      ["2024-05-03", 1],
    ];
    const data = makeMonthData(monthColumns("2024-05", 3, { days }));
    expect([0, 1, 2].map((index) => photoAt(data, index)?.startsDay)).toEqual(["2024-05-20", null, "2024-05-03"]);
  });

  it("does not exist beyond the month", () => {
    expect(photoAt(makeMonthData(monthColumns("2024-05", 1)), 1)).toBeNull();
  });
});

describe("the scrubber", () => {
  const months = Array.from({ length: 120 }, (_, i) => ({
    month: `${2024 - Math.floor(i / 12)}-${String(12 - (i % 12)).padStart(2, "0")}`,
    count: 50 + ((i * 37) % 400),
  }));
  const layout = layoutTimeline(months, planGrid({ widthPx: 1200, heightPx: 800 }, "medium"));

  it("names every year once and leaves room between labels", () => {
    const labels = scrubberMarks(layout, 800).filter(({ label }) => label !== null);
    expect(labels.map(({ label }) => label)).toEqual([
      "2024",
      "2023",
      "2022",
      "2021",
      "2020",
      "2019",
      "2018",
      "2017",
      "2016",
      "2015",
    ]);
    for (const [index, { at }] of labels.entries()) {
      const next = labels[index + 1];
      if (next !== undefined) expect((next.at - at) * 800).toBeGreaterThanOrEqual(26);
    }
  });

  it("leaves labels out rather than letting them touch", () => {
    const labels = scrubberMarks(layout, 60).filter(({ label }) => label !== null);
    expect(labels.length).toBeLessThan(4);
  });

  it("jumps to where it says it stands", () => {
    for (const fraction of [0, 0.25, 0.77, 1]) {
      expect(fractionAt(layout, 800, topAtFraction(layout, 800, fraction))).toBeCloseTo(fraction, 9);
    }
    expect(sectionInView(layout, 800, 0)?.month).toBe("2024-12");
    expect(sectionInView(layout, 800, topAtFraction(layout, 800, 1))?.month).toBe("2015-01");
  });
});
