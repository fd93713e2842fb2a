import { describe, expect, it } from "vitest";

import { resolveTheme } from "../theme/theme";
import { squareSizeFor } from "../api/photo-urls";
import { formatBytes, formatDay, formatDuration, formatLocal, formatMonth, formatOffset, plural } from "./format";

describe("formats", () => {
  it("write sizes as file managers do", () => {
    expect([0, 999, 1000, 4_213_877, 123_456_789, 5e12].map(formatBytes)).toEqual([
      "0 bytes",
      "999 bytes",
      "1.0 KB",
      "4.2 MB",
      "123 MB",
      "5.0 TB",
    ]);
  });

  it("leave the wall clock's time where it was, whatever zone the browser is in", () => {
    const time = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
    expect(formatLocal("2024-06-30T23:59:00", time)).toBe("23:59");
    expect(formatLocal("2024-06-30T23:59:00+02:00", time)).toBe("23:59");
    expect(formatDay("2024-06-30")).toBe("Sun, June 30, 2024");
    expect(formatMonth("2024-06")).toBe("June 2024");
    expect(formatLocal("no date", time)).toBe("no date");
  });

  it("write durations, zones and counts", () => {
    expect([4_000, 83_000, 3_723_000].map(formatDuration)).toEqual(["0:04", "1:23", "1:02:03"]);
    expect([0, 120, -210].map(formatOffset)).toEqual(["UTC+00:00", "UTC+02:00", "UTC−03:30"]);
    expect([plural(1, "photo"), plural(20_000, "photo")]).toEqual(["1 photo", "20,000 photos"]);
  });
});

describe("a tile", () => {
  it("gets the smallest thumbnail that is sharp on the screen", () => {
    expect([50, 64, 70, 97, 200, 400].map((tilePx) => squareSizeFor(tilePx, 1))).toEqual([64, 64, 64, 128, 256, 512]);
    expect(squareSizeFor(97, 2)).toBe(256);
  });
});

describe("the theme", () => {
  it("is the person's choice, else the system's", () => {
    expect(resolveTheme("dark", true)).toBe("dark");
    expect(resolveTheme("system", true)).toBe("light");
    expect(resolveTheme("system", false)).toBe("dark");
  });
});
