/**
 * Thumbhashes of the invented pictures.
 *
 * References:
 *   Evan Wallace, "ThumbHash: a very compact representation of an image placeholder" (2023),
 *   https://evanw.github.io/thumbhash/ (opaque pictures only here).
 */
import { colourAt } from "./picture.ts";

interface Channel {
  dc: number;
  ac: number[];
  scale: number;
}

function transform(values: readonly number[], w: number, h: number, nx: number, ny: number): Channel {
  let dc = 0;
  let scale = 0;
  const ac: number[] = [];
  for (let cy = 0; cy < ny; cy += 1) {
    for (let cx = 0; cx * ny < nx * (ny - cy); cx += 1) {
      let sum = 0;
      for (let y = 0; y < h; y += 1) {
        const fy = Math.cos((Math.PI / h) * cy * (y + 0.5));
        for (let x = 0; x < w; x += 1) sum += (values[x + y * w] ?? 0) * Math.cos((Math.PI / w) * cx * (x + 0.5)) * fy;
      }
      const term = sum / (w * h);
      if (cx === 0 && cy === 0) dc = term;
      else {
        ac.push(term);
        scale = Math.max(scale, Math.abs(term));
      }
    }
  }
  return { dc, scale, ac: ac.map((term) => (scale === 0 ? 0 : 0.5 + (0.5 / scale) * term)) };
}

/** Return the thumbhash of the picture with this seed and ratio (width by height), base64. */
export function thumbHash(seed: number, ratio: number): string {
  const w = Math.max(1, Math.round(ratio > 1 ? 24 : 24 * ratio));
  const h = Math.max(1, Math.round(ratio > 1 ? 24 / ratio : 24));
  const pixels = Array.from({ length: w * h }, (_, i) => {
    const [r, g, b] = colourAt(seed, (i % w) / w, Math.floor(i / w) / h);
    return [r / 255, g / 255, b / 255] as const;
  });
  const landscape = w > h;
  const lx = Math.max(1, Math.round((7 * w) / Math.max(w, h)));
  const ly = Math.max(1, Math.round((7 * h) / Math.max(w, h)));
  const l = transform(
    pixels.map(([r, g, b]) => (r + g + b) / 3),
    w,
    h,
    Math.max(3, lx),
    Math.max(3, ly),
  );
  const p = transform(
    pixels.map(([r, g, b]) => (r + g) / 2 - b),
    w,
    h,
    3,
    3,
  );
  const q = transform(
    pixels.map(([r, g]) => r - g),
    w,
    h,
    3,
    3,
  );
  const low =
    Math.round(63 * l.dc) |
    (Math.round(31.5 + 31.5 * p.dc) << 6) |
    (Math.round(31.5 + 31.5 * q.dc) << 12) |
    (Math.round(31 * l.scale) << 18);
  const high =
    (landscape ? ly : lx) |
    (Math.round(63 * p.scale) << 3) |
    (Math.round(63 * q.scale) << 9) |
    (landscape ? 1 << 15 : 0);
  const bytes = [low & 255, (low >> 8) & 255, low >> 16, high & 255, high >> 8];
  const terms = [...l.ac, ...p.ac, ...q.ac].map((term) => Math.round(15 * term));
  for (let i = 0; i < terms.length; i += 2) bytes.push((terms[i] ?? 0) | ((terms[i + 1] ?? 0) << 4));
  return Buffer.from(bytes).toString("base64");
}
