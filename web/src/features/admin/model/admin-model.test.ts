import { describe, expect, it } from "vitest";

import { jobWith, queueWith, statusWith } from "@/shared/testing/admin";

import { ageOf, diskParts, estimate, perMinute, totalsOf, uptimeText } from "./figures";
import { jobFacts } from "./job-facts";
import { freshnessOf, POLL_MS, pollMs } from "./poll";
import { actionsOf, nameOf, shortId } from "./words";

describe("ADM-1 the figures", () => {
  it("give rates that can be read", () => {
    expect([0, 3, 30, 192, 600, 90_000].map(perMinute)).toEqual(["0", "< 0.1", "0.5", "3.2", "10", "1,500"]);
  });

  it("say when a number is not exact", () => {
    expect([estimate(12_345, true), estimate(12_345, false)]).toEqual(["≈ 12,345", "12,345"]);
  });

  it("tell the age of the oldest job", () => {
    const nowMs = Date.parse("2024-06-30T12:00:00Z");
    expect(ageOf("2024-06-30T11:58:30Z", nowMs)).toBe("1 min");
    expect(ageOf("2024-06-30T12:00:05Z", nowMs)).toBe("0 ms");
    expect(ageOf(null, nowMs)).toBe("–");
  });

  it("sum the queues; one that is paused does not make the rest look late", () => {
    const totals = totalsOf([
      queueWith({ waiting: 5, running: 1, oldestWaitingSince: "2024-06-30T12:00:00Z", completedLastHour: 60 }),
      queueWith({ waiting: 7, paused: true, oldestWaitingSince: "2024-06-01T12:00:00Z" }),
      queueWith({ waiting: 20_000, failed: 2, isEstimate: true, oldestWaitingSince: "2024-06-30T11:00:00Z" }),
    ]);
    expect(totals).toMatchObject({ waiting: 20_012, running: 1, failed: 2, completedLastHour: 60, paused: 1 });
    expect(totals.oldestWaitingSince).toBe("2024-06-30T11:00:00Z");
    expect(totals.isEstimate).toEqual({ waiting: true, failed: true });
    expect(totalsOf([]).oldestWaitingSince).toBeNull();
  });

  it("show the disk with its reserves, whatever the sizes are", () => {
    const { disk } = statusWith();
    expect(diskParts(disk)).toEqual({ used: 0.6, lowAt: 0.9, fullAt: 0.95 });
    expect(diskParts({ ...disk, totalBytes: 0 })).toEqual({ used: 0, lowAt: 0, fullAt: 0 });
    expect(diskParts({ ...disk, lowBelowBytes: 5000e9 }).lowAt).toBe(0);
  });

  it("tell the time since the start in one unit", () => {
    expect([5, 61, 7_300, 90_000, 200_000].map(uptimeText)).toEqual([
      "5 seconds",
      "1 minute",
      "2 hours",
      "1 day",
      "2 days",
    ]);
  });
});

describe("the poller", () => {
  it("gives a server in trouble rest", () => {
    expect(pollMs(false)).toBe(POLL_MS);
    expect(pollMs(true)).toBeGreaterThan(POLL_MS);
    expect(pollMs(false, 10_000)).toBe(10_000);
  });

  it("calls figures live only while they are", () => {
    expect(freshnessOf(1_000, 2_000, true, false)).toBe("live");
    expect(freshnessOf(1_000, 60_000, true, false)).toBe("stale");
    expect(freshnessOf(1_000, 2_000, true, true)).toBe("stale");
    expect(freshnessOf(1_000, 2_000, false, true)).toBe("offline");
  });
});

describe("a job", () => {
  it("offers what the server would do", () => {
    const offers = (["pending", "running", "completed", "failed"] as const).map((status) => actionsOf({ status }));
    expect(offers).toEqual([
      { retry: true, cancel: true },
      { retry: false, cancel: true },
      { retry: true, cancel: false },
      { retry: true, cancel: false },
    ]);
  });

  it("leaves out what is not known", () => {
    const terms = new Map(jobFacts(jobWith({ workerId: null })));
    expect(terms.get("Took")).toBe("2 s");
    expect(terms.get("Attempts")).toBe("5 of 5");
    expect(terms.has("Worker")).toBe(false);
    expect(terms.has("Due")).toBe(false);
    expect(new Map(jobFacts(jobWith({ finishedAt: null }))).has("Took")).toBe(false);
  });

  it("has names for people", () => {
    expect(nameOf("evict_derivatives")).toBe("Evict derivatives");
    expect(shortId("01900000-0000-7000-8000-0123456789ab")).toBe("…456789ab");
  });
});
