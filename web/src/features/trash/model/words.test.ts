import { describe, expect, it } from "vitest";

import { daysLeft, daysLeftText, refusalText } from "./words";

const NOW = Date.parse("2024-06-30T12:00:00Z");

describe("TML-3 the days left", () => {
  it.each([
    ["2024-06-30T12:00:00Z", 30],
    ["2024-06-29T11:00:00Z", 29],
    ["2024-06-01T11:00:00Z", 1],
    ["2024-05-31T12:00:00Z", 0],
    ["2024-01-01T12:00:00Z", 0],
    [null, 30],
  ])("of a photo deleted at %s are %i", (deletedAt, days) => {
    expect(daysLeft(deletedAt, 30, NOW)).toBe(days);
  });

  it("are said shortly", () => {
    expect([0, 1, 30].map(daysLeftText)).toEqual(["due today", "1 day", "30 days"]);
  });
});

describe("SYN-4 refusals", () => {
  const at = "2024-06-30T10:00:00Z";

  it("tell how often, when last and by what", () => {
    const refusals = [
      { name: "IMG_1.jpg", kind: "upload", deviceId: "01900000-0000-7000-8000-0123456789ab", count: 5 },
      { name: "copy.jpg", kind: "takeout", deviceId: null, count: 1 },
    ];
    expect(refusalText({ refusedCount: 6, lastRefusedAt: at, refusals }, NOW)).toBe(
      "Turned away 6 times, last 2 hours ago: IMG_1.jpg (upload, device …456789ab, 5×); copy.jpg (takeout)",
    );
    expect(refusalText({ refusedCount: 1, lastRefusedAt: null, refusals: [] }, NOW)).toBe("Turned away once");
  });

  it("are not there when nobody tried", () => {
    expect(refusalText({ refusedCount: 0, lastRefusedAt: null, refusals: [] }, NOW)).toBeNull();
  });
});
