/**
 * The layout of the whole timeline, `GET /api/timeline/layout`: one byte of aspect ratio for each photo.
 * The format is docs/formats/timeline-layout.md; the server's side is `timeline/rules.py`, and both are tested against
 * `ratio-bytes.examples.json`.
 */

const MAGIC = 0x4c544741; // "AGTL", little-endian
const FORMAT = 1;
const SQUARE = 128;
const STEPS = 36; // to a doubling
const UNKNOWN = 0;

export interface TimelineLayout {
  /** Of the timeline; months of the same version divide the bytes. */
  readonly version: number;
  /** Newest photo first. */
  readonly ratioBytes: Uint8Array;
}

/** Width by height for each of the 256 bytes. */
export const RATIOS: Float64Array = Float64Array.from({ length: 256 }, (_, byte) =>
  byte === UNKNOWN ? 1 : 2 ** ((byte - SQUARE) / STEPS),
);

/** Returns the layout that an answer holds; null if it is of a format that this client does not know, or cut short. */
export function parseLayout(answer: ArrayBuffer): TimelineLayout | null {
  if (answer.byteLength < 24) return null;
  const header = new DataView(answer);
  if (header.getUint32(0, true) !== MAGIC || header.getUint16(4, true) !== FORMAT) return null;
  const start = header.getUint16(6, true);
  const count = header.getUint32(8, true);
  if (answer.byteLength !== start + count) return null;
  const version = header.getUint32(16, true) + header.getUint32(20, true) * 2 ** 32;
  return { version, ratioBytes: new Uint8Array(answer, start, count) };
}
