import { describe, expect, it } from "vitest";

import { downloadText, missingLines, missingText } from "./words";

const missing = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    photoId: `p${index}`,
    filename: `${index}.jpg`,
    role: "primary" as const,
    reason: "missing" as const,
  }));

describe("DWN-2 the words of a download", () => {
  it("say name, number and size", () => {
    expect(downloadText({ filename: "Afterglow.zip", count: 3, size: 12_400_000 })).toBe(
      "Downloading Afterglow.zip: 3 originals, 12.4 MB",
    );
  });

  it("say what is missing, by name as far as there is room", () => {
    expect(missingText({ count: 4, missing: missing(1) })).toContain("1 of 5 originals");
    expect(missingLines(missing(2))).toEqual(["0.jpg: missing on this server", "1.jpg: missing on this server"]);
    expect(missingLines(missing(9))).toHaveLength(6);
    expect(missingLines(missing(9)).at(-1)).toBe("and 4 others");
  });
});
