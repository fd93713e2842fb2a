import { describe, expect, it } from "vitest";

import { averageColour, decodeThumbHash, type Rgba, thumbHashBytes } from "./thumbhash";

function bytesOf(base64: string): Uint8Array {
  const bytes = thumbHashBytes(base64);
  if (bytes === null) throw new Error("no thumbhash");
  return bytes;
}

function pixelAt({ width, pixels }: Rgba, x: number, y: number): number[] {
  return [...pixels.slice((y * width + x) * 4, (y * width + x) * 4 + 4)];
}

/** Hashes and pixels made with the reference implementation (thumbhash 0.1.1): corners and middle. */
const REFERENCE = [
  {
    name: "landscape",
    hash: "nDcKNZpwd3eCiIiIiHiIh3ByCNd3",
    size: [32, 23],
    average: [0.4841269841, 0.373015873, 0.4761904762],
    pixels: [
      [0, 0, [12, 45, 150, 255]],
      [31, 0, [239, 0, 108, 255]],
      [16, 11, [135, 83, 118, 255]],
      [31, 22, [218, 181, 111, 255]],
    ],
  },
  {
    name: "portrait",
    hash: "ViYJbRpwd3+IeIiIh3eIh497dwiI",
    size: [23, 32],
    average: [0.06613756614, 0.49470899471, 0.48677248677],
    pixels: [
      [0, 0, [25, 248, 5, 255]],
      [22, 0, [17, 241, 243, 255]],
      [11, 16, [6, 126, 121, 255]],
      [22, 31, [15, 0, 241, 255]],
    ],
  },
  {
    name: "with transparency",
    hash: "GBuDBQA3l4eHd3l39wd2cXEIB1iHiICJWA==",
    size: [32, 32],
    average: [0.79100529101, 0.23544973545, 0.1164021164],
    pixels: [
      [0, 0, [201, 60, 29, 0]],
      [16, 16, [201, 60, 29, 255]],
      [31, 31, [201, 60, 29, 0]],
    ],
  },
] as const;

describe.each(REFERENCE)("the placeholder of a picture: $name", ({ hash, size, average, pixels }) => {
  it("is decoded as the reference does", () => {
    const picture = decodeThumbHash(bytesOf(hash), 32);
    expect([picture.width, picture.height]).toEqual(size);
    for (const [x, y, expected] of pixels) {
      pixelAt(picture, x, y).forEach((value, channel) => {
        // One level of rounding is allowed: the reference truncates where a clamped array rounds.
        expect(Math.abs(value - expected[channel]!)).toBeLessThanOrEqual(1);
      });
    }
  });

  it("has the reference's average colour", () => {
    averageColour(bytesOf(hash)).forEach((value, channel) => {
      expect(value).toBe(Math.round(average[channel]! * 255));
    });
  });

  it("can be decoded smaller", () => {
    const { width, height } = decodeThumbHash(bytesOf(hash), 16);
    expect(Math.max(width, height)).toBe(16);
  });
});

describe("a text that is no placeholder", () => {
  it.each(["", "AAAA", "not base64!"])("%j is refused", (text) => {
    expect(thumbHashBytes(text)).toBeNull();
  });
});
