import { describe, expect, it } from "vitest";

import { backoffMs } from "./backoff";
import { isEnded, isTransferring, type Phase, phaseText, stepStates, summarize, type UploadItem } from "./item";
import { selectMedia } from "./selection";
import { account, headline } from "./summary-text";
import { rowWindow } from "./window";

const PHASES: readonly Phase[] = [
  "waiting",
  "hashing",
  "uploading",
  "finishing",
  "processing",
  "stored",
  "duplicate",
  "declined",
  "kept",
  "failed",
];

function itemIn(phase: Phase, change: Partial<UploadItem> = {}): UploadItem {
  return {
    id: 1,
    name: "a.jpg",
    folder: "",
    sizeBytes: 100,
    phase,
    sentBytes: 0,
    photoId: null,
    isProcessed: false,
    note: null,
    declined: null,
    failedAt: null,
    ...change,
  };
}

describe("WEB-2 the step tracker", () => {
  it.each([
    ["waiting", {}, "todo todo todo todo"],
    ["uploading", {}, "active todo todo todo"],
    ["finishing", {}, "done active todo todo"],
    ["processing", {}, "done done active todo"],
    ["processing", { isProcessed: true }, "done done done active"],
    ["stored", {}, "done done done done"],
    ["kept", {}, "done done failed todo"],
    ["failed", { failedAt: "ingest" }, "done failed todo todo"],
    ["failed", {}, "failed todo todo todo"],
  ] as const)("shows a file that is %s %j as %s", (phase, change, expected) => {
    expect(Object.values(stepStates(itemIn(phase, change))).join(" ")).toBe(expected);
  });

  it("says something about every phase", () => {
    for (const phase of PHASES) expect(phaseText(itemIn(phase))).not.toBe("");
  });
});

describe("WEB-2 the summary", () => {
  it("accounts for every file exactly once", () => {
    const items = PHASES.flatMap((phase, index) => Array.from({ length: index + 1 }, () => itemIn(phase)));
    const { total, stored, duplicates, declined, kept, failed, processing } = summarize(items);
    const transferring = items.filter(isTransferring).length;
    expect(stored + duplicates + declined + kept + failed + processing + transferring).toBe(total);
    expect(items.filter(isEnded).length).toBe(stored + duplicates + declined + kept + failed);
  });

  it("measures progress in bytes", () => {
    const items = [itemIn("stored", { sizeBytes: 300 }), itemIn("uploading", { sizeBytes: 100, sentBytes: 50 })];
    expect(summarize(items).progress).toBe(350 / 400);
    expect(summarize([itemIn("waiting", { sizeBytes: 0 })]).progress).toBe(0);
    expect(summarize([itemIn("stored", { sizeBytes: 0 })]).progress).toBe(1);
  });

  it("is said in words", () => {
    const mixed = summarize([itemIn("stored"), itemIn("duplicate"), itemIn("kept"), itemIn("failed")]);
    expect(account(mixed)).toBe("1 stored · 1 already in your library · 1 kept but not displayable · 1 failed");
    expect(headline(mixed)).toBe("Finished with failures");
    expect(headline(summarize([itemIn("stored"), itemIn("uploading")]))).toBe("Uploading 2 of 2");
    expect(headline(summarize([itemIn("stored"), itemIn("processing")]))).toBe("Processing 1 photo");
    expect(headline(summarize([itemIn("stored")]))).toBe("Upload finished");
  });
});

describe("a dropped folder", () => {
  const found = (name: string, folder: string, type = "") => ({ file: new File(["x"], name, { type }), folder });

  it("gives its photos and videos, and counts the rest", () => {
    const { accepted, skipped } = selectMedia([
      found("a.JPG", "trip"),
      found("b.cr3", "trip"),
      found("c", "trip", "image/jpeg"),
      found("notes.txt", "trip"),
      found("._a.JPG", "trip"),
      found("Thumbs.db", "trip"),
    ]);
    expect(accepted.map(({ file }) => file.name)).toEqual(["a.JPG", "b.cr3", "c"]);
    expect(skipped).toBe(3);
  });

  it("does not judge a file that was chosen by itself", () => {
    expect(selectMedia([found("notes.txt", "")]).accepted).toHaveLength(1);
  });
});

describe("waiting between tries", () => {
  it("doubles up to half a minute, and never is the same for everybody", () => {
    expect([1, 2, 3, 10].map((attempt) => backoffMs(attempt, () => 1))).toEqual([1000, 2000, 4000, 30_000]);
    expect(backoffMs(3, () => 0)).toBe(2000);
  });
});

describe("a long list", () => {
  it("draws only the rows in view", () => {
    const { first, end } = rowWindow(10_000, 60, 300_000, 300);
    expect(first).toBeLessThanOrEqual(5_000);
    expect(end).toBeGreaterThanOrEqual(5_005);
    expect(end - first).toBeLessThan(25);
    expect(rowWindow(2, 60, 900, 300)).toEqual({ first: 2, end: 2 });
  });
});
