/** Invented landscapes as PNG, so that the mock server needs no files. */
import { crc32, deflateSync } from "node:zlib";

export type Rgb = readonly [number, number, number];

/** Return a repeatable random number (0-1) for a seed. */
export function noise(seed: number): number {
  const x = Math.sin(seed * 12.9898 + 4.1414) * 43758.5453;
  return x - Math.floor(x);
}

function mix(a: Rgb, b: Rgb, share: number): Rgb {
  const t = Math.min(1, Math.max(0, share));
  return [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];
}

const SKIES: readonly (readonly [Rgb, Rgb])[] = [
  [
    [24, 44, 92],
    [255, 150, 80],
  ],
  [
    [60, 130, 220],
    [210, 235, 255],
  ],
  [
    [16, 18, 40],
    [90, 60, 130],
  ],
  [
    [250, 190, 120],
    [255, 236, 200],
  ],
  [
    [110, 150, 170],
    [220, 225, 220],
  ],
];
const GROUNDS: readonly Rgb[] = [
  [30, 60, 40],
  [80, 70, 50],
  [20, 40, 70],
  [120, 90, 60],
  [46, 46, 52],
  [70, 110, 60],
];

/** Return the colour at (x, y), both 0-1, of the picture with this seed. */
export function colourAt(seed: number, x: number, y: number): Rgb {
  const sky = SKIES[Math.floor(noise(seed) * SKIES.length)] ?? [
    [0, 0, 0],
    [255, 255, 255],
  ];
  const ground = GROUNDS[Math.floor(noise(seed + 1) * GROUNDS.length)] ?? [40, 40, 40];
  const sunX = noise(seed + 2);
  const sunY = 0.15 + noise(seed + 3) * 0.4;
  const horizon = 0.5 + noise(seed + 4) * 0.25;
  let colour = mix(sky[0], sky[1], y / horizon);
  const sun = Math.hypot((x - sunX) * 1.2, y - sunY);
  colour = mix([255, 240, 200], colour, sun / (0.12 + noise(seed + 5) * 0.2));
  for (let ridge = 0; ridge < 3; ridge += 1) {
    const wave = Math.sin(x * (3 + ridge * 2) + noise(seed + 6 + ridge) * 9) * 0.07;
    const top = horizon + ridge * 0.12 + wave;
    if (y > top) colour = mix(mix(ground, sky[1], 0.45 - ridge * 0.2), ground, (y - top) * 3);
  }
  return colour;
}

function chunk(type: string, body: Buffer): Buffer {
  const name = Buffer.from(type, "latin1");
  const out = Buffer.alloc(body.length + 12);
  out.writeUInt32BE(body.length, 0);
  name.copy(out, 4);
  body.copy(out, 8);
  out.writeUInt32BE(crc32(Buffer.concat([name, body])), body.length + 8);
  return out;
}

/** Return the picture as PNG; a square crop when `ratio` is null is up to the caller. */
export function renderPng(seed: number, width: number, height: number): Buffer {
  const rows = Buffer.alloc((width * 3 + 1) * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const at = y * (width * 3 + 1) + 1 + x * 3;
      colourAt(seed, x / width, y / height).forEach((value, channel) => (rows[at + channel] = value));
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const magic = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    magic,
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows, { level: 1 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}
