import { describe, expect, it } from "vitest";

import examples from "./ratio-bytes.examples.json";
import { parseLayout, RATIOS } from "./ratio-bytes";

function answer(ratioBytes: readonly number[], version: bigint): ArrayBuffer {
  const content = new Uint8Array(24 + ratioBytes.length);
  content.set([0x41, 0x47, 0x54, 0x4c, 1, 0, 24, 0]);
  const header = new DataView(content.buffer);
  header.setUint32(8, ratioBytes.length, true);
  header.setBigUint64(16, version, true);
  content.set(ratioBytes, 24);
  return content.buffer;
}

describe("a ratio byte", () => {
  it("is decoded as the server does", () => {
    for (const [byte, ratio] of Object.entries(examples)) {
      expect(RATIOS[Number(byte)]).toBeCloseTo(ratio, 6);
    }
  });
});

describe("a layout", () => {
  it("has its version and a byte for each photo", () => {
    const layout = parseLayout(answer([128, 0, 143], 2n ** 40n + 7n));
    expect(layout?.version).toBe(2 ** 40 + 7);
    expect([...(layout?.ratioBytes ?? [])]).toEqual([128, 0, 143]);
  });

  it("of an empty library is empty", () => {
    expect(parseLayout(answer([], 0n))).toEqual({ version: 0, ratioBytes: new Uint8Array() });
  });

  it("is refused when it is of another format or cut short", () => {
    const other = answer([128], 1n);
    new DataView(other).setUint16(4, 2, true);
    for (const content of [other, answer([128, 128], 1n).slice(0, 25), new ArrayBuffer(3)]) {
      expect(parseLayout(content)).toBeNull();
    }
  });
});
