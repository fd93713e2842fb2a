/**
 * Placeholders: the average colour and the coarse shapes of a photo in about 25 bytes.
 *
 * References:
 *   Evan Wallace, "ThumbHash: a very compact representation of an image placeholder" (2023),
 *   https://evanw.github.io/thumbhash/. Format: DC and AC terms of a discrete cosine transform of the channels
 *   L (luminance), P (yellow-blue), Q (red-green) and, when present, A (alpha), in 4 bits per AC term.
 */

export interface Rgba {
  width: number;
  height: number;
  /** RGBA bytes, row by row. */
  pixels: Uint8ClampedArray<ArrayBuffer>;
}

interface Header {
  l: number;
  p: number;
  q: number;
  a: number;
  lScale: number;
  pScale: number;
  qScale: number;
  aScale: number;
  hasAlpha: boolean;
  /** Terms of the luminance, across and down. */
  lx: number;
  ly: number;
  /** Width by height of the photo, roughly. */
  ratio: number;
}

/** Shortest hash that holds a header and the smallest set of terms. */
const MIN_BYTES = 12;

/** Return the bytes of a base64 text, or null when it is none or too short for a thumbhash. */
export function thumbHashBytes(base64: string): Uint8Array | null {
  try {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    return bytes.length < MIN_BYTES ? null : bytes;
  } catch {
    return null;
  }
}

function byteAt(hash: Uint8Array, index: number): number {
  return hash[index] ?? 0;
}

function readHeader(hash: Uint8Array): Header {
  const low = byteAt(hash, 0) | (byteAt(hash, 1) << 8) | (byteAt(hash, 2) << 16);
  const high = byteAt(hash, 3) | (byteAt(hash, 4) << 8);
  const hasAlpha = low >> 23 !== 0;
  const isLandscape = high >> 15 !== 0;
  const longTerms = hasAlpha ? 5 : 7;
  const shortTerms = high & 7;
  return {
    l: (low & 63) / 63,
    p: ((low >> 6) & 63) / 31.5 - 1,
    q: ((low >> 12) & 63) / 31.5 - 1,
    a: hasAlpha ? (byteAt(hash, 5) & 15) / 15 : 1,
    lScale: ((low >> 18) & 31) / 31,
    pScale: ((high >> 3) & 63) / 63,
    qScale: ((high >> 9) & 63) / 63,
    aScale: hasAlpha ? (byteAt(hash, 5) >> 4) / 15 : 0,
    hasAlpha,
    lx: Math.max(3, isLandscape ? longTerms : shortTerms),
    ly: Math.max(3, isLandscape ? shortTerms : longTerms),
    ratio: (isLandscape ? longTerms : Math.max(1, shortTerms)) / (isLandscape ? Math.max(1, shortTerms) : longTerms),
  };
}

interface Term {
  x: number;
  y: number;
  value: number;
}

/** Reads 4-bit terms one after another. */
function termReader(hash: Uint8Array, startByte: number) {
  let nibble = 0;
  return (nx: number, ny: number, scale: number): Term[] => {
    const terms: Term[] = [];
    for (let y = 0; y < ny; y += 1) {
      for (let x = y === 0 ? 1 : 0; x * ny < nx * (ny - y); x += 1) {
        const bits = (byteAt(hash, startByte + (nibble >> 1)) >> ((nibble & 1) << 2)) & 15;
        nibble += 1;
        terms.push({ x, y, value: (bits / 7.5 - 1) * scale });
      }
    }
    return terms;
  };
}

/** Cosines by term and position: `table[term * size + position]`. */
function cosines(terms: number, size: number): Float32Array {
  const table = new Float32Array(terms * size);
  for (let term = 0; term < terms; term += 1) {
    for (let at = 0; at < size; at += 1) table[term * size + at] = Math.cos((Math.PI / size) * (at + 0.5) * term);
  }
  return table;
}

/** Return the average colour as `[r, g, b]` (0-255); costs next to nothing. */
export function averageColour(hash: Uint8Array): [red: number, green: number, blue: number] {
  const { l, p, q } = readHeader(hash);
  return toRgb(l, p, q);
}

function toRgb(l: number, p: number, q: number): [number, number, number] {
  const blue = l - (2 / 3) * p;
  const red = (3 * l - blue + q) / 2;
  const to255 = (value: number) => Math.round(255 * Math.min(1, Math.max(0, value)));
  return [to255(red), to255(red - q), to255(blue)];
}

/** Return the placeholder as pixels, `edgePx` on the long side. */
export function decodeThumbHash(hash: Uint8Array, edgePx = 32): Rgba {
  const header = readHeader(hash);
  const { ratio } = header;
  const width = Math.max(1, Math.round(ratio > 1 ? edgePx : edgePx * ratio));
  const height = Math.max(1, Math.round(ratio > 1 ? edgePx / ratio : edgePx));
  const read = termReader(hash, header.hasAlpha ? 6 : 5);
  const channels = [
    read(header.lx, header.ly, header.lScale),
    // P and Q are stored with less range than they need; the reference widens them by a quarter.
    read(3, 3, header.pScale * 1.25),
    read(3, 3, header.qScale * 1.25),
    header.hasAlpha ? read(5, 5, header.aScale) : [],
  ] as const;
  const across = cosines(7, width);
  const down = cosines(7, height);
  const sum = (terms: readonly Term[], start: number, x: number, y: number) => {
    let value = start;
    for (const term of terms) {
      value += 2 * term.value * (across[term.x * width + x] ?? 0) * (down[term.y * height + y] ?? 0);
    }
    return value;
  };
  const pixels = new Uint8ClampedArray(width * height * 4);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const l = sum(channels[0], header.l, x, y);
      const rgb = toRgb(l, sum(channels[1], header.p, x, y), sum(channels[2], header.q, x, y));
      pixels.set([...rgb, 255 * (header.hasAlpha ? sum(channels[3], header.a, x, y) : 1)], (y * width + x) * 4);
    }
  }
  return { width, height, pixels };
}
