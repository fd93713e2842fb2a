/** The photos of the mock server: any number of invented ones, and the ones that were uploaded. */
import { createHash, randomUUID } from "node:crypto";

import { noise } from "./picture.ts";
import { thumbHash } from "./thumbhash.ts";

const NEWEST_YEAR = 2024;
const RATIOS = [1.5, 1.333, 0.75, 1.333, 0.667, 1.778, 1, 2.4];
/** An uploaded photo becomes displayable and stored after these times [ms]. */
const PROCESS_MS = 1_500;
const STORE_MS = 2_500;

export interface MockPhoto {
  id: string;
  seed: number;
  ratio: number;
  takenLocal: string;
  isVideo: boolean;
  /** failed, or the time at which it was uploaded; invented ones are 0. */
  fate: "failed" | number;
  bytes: Buffer | null;
  filename: string;
  checksum: string;
}

interface Month {
  month: string;
  count: number;
  first: number;
}

function idOf(index: number): string {
  return `01900000-0000-7000-8000-${index.toString(16).padStart(12, "0")}`;
}

export class Library {
  readonly months: Month[] = [];
  readonly uploaded: MockPhoto[] = [];
  /** Photos in the trash, with the time at which they were put there; the last one is the newest. */
  readonly trashed = new Map<string, string>();
  /** Photos that were deleted for ever. */
  readonly purged = new Set<string>();
  /** Told with the timeline, so that clients see when it changed. */
  version = 1;

  constructor(photoCount: number, monthCount = 130) {
    let left = photoCount;
    for (let i = 0; i < monthCount && left > 0; i += 1) {
      const month = `${NEWEST_YEAR - Math.floor(i / 12)}-${String(12 - (i % 12)).padStart(2, "0")}`;
      const wish = Math.ceil((photoCount / monthCount) * (0.2 + 1.6 * noise(i)));
      const count = i === monthCount - 1 ? left : Math.min(left, wish);
      this.months.push({ month, count, first: photoCount - left });
      left -= count;
    }
  }

  counts(): { month: string; count: number }[] {
    const counts = new Map(this.months.map(({ month, count }) => [month, count]));
    for (const { takenLocal } of this.uploaded) {
      const month = takenLocal.slice(0, 7);
      counts.set(month, (counts.get(month) ?? 0) + 1);
    }
    for (const id of [...this.trashed.keys(), ...this.purged]) {
      const month = this.lookUp(id)?.takenLocal.slice(0, 7) ?? "";
      counts.set(month, (counts.get(month) ?? 0) - 1);
    }
    return [...counts].map(([month, count]) => ({ month, count })).sort((a, b) => (a.month < b.month ? 1 : -1));
  }

  photosOf(month: string): MockPhoto[] {
    const invented = this.months.find((entry) => entry.month === month);
    const photos = Array.from({ length: invented?.count ?? 0 }, (_, i) => this.invent(invented, i));
    const uploads = this.uploaded.filter(({ takenLocal }) => takenLocal.startsWith(month));
    return [...uploads, ...photos]
      .filter(({ id }) => !this.trashed.has(id) && !this.purged.has(id))
      .sort((a, b) => (a.takenLocal < b.takenLocal ? 1 : -1));
  }

  find(id: string): MockPhoto | undefined {
    return this.purged.has(id) ? undefined : this.lookUp(id);
  }

  private lookUp(id: string): MockPhoto | undefined {
    const upload = this.uploaded.find((photo) => photo.id === id);
    if (upload !== undefined) return upload;
    const index = Number.parseInt(id.slice(-12), 16);
    const month = this.months.find(({ first, count }) => index >= first && index < first + count);
    return month === undefined || idOf(index) !== id ? undefined : this.invent(month, index - month.first);
  }

  findChecksum(checksum: string): MockPhoto | undefined {
    return this.uploaded.find((photo) => photo.checksum === checksum && !this.purged.has(photo.id));
  }

  add(filename: string, bytes: Buffer): MockPhoto {
    const isBroken = bytes.length < 64;
    const photo: MockPhoto = {
      id: randomUUID(),
      seed: this.uploaded.length + 5_000,
      ratio: RATIOS[this.uploaded.length % RATIOS.length] ?? 1,
      takenLocal: `${NEWEST_YEAR}-12-${String(1 + (this.uploaded.length % 28)).padStart(2, "0")}T12:00:00`,
      isVideo: false,
      fate: isBroken ? "failed" : Date.now(),
      bytes,
      filename,
      checksum: createHash("sha256").update(bytes).digest("hex"),
    };
    this.uploaded.push(photo);
    this.version += 1;
    return photo;
  }

  private invent(month: Month | undefined, offset: number): MockPhoto {
    const index = (month?.first ?? 0) + offset;
    const share = offset / Math.max(1, month?.count ?? 1);
    const day = String(28 - Math.floor(share * 28)).padStart(2, "0");
    const minute = Math.floor((1 - ((share * 28) % 1)) * 900);
    const time = `${String(8 + Math.floor(minute / 60)).padStart(2, "0")}:${String(minute % 60).padStart(2, "0")}:00`;
    return {
      id: idOf(index),
      seed: index % 400,
      ratio: RATIOS[index % RATIOS.length] ?? 1,
      takenLocal: `${month?.month ?? ""}-${day}T${time}`,
      isVideo: index % 37 === 5,
      fate: index % 61 === 40 ? "failed" : 0,
      bytes: null,
      filename: `IMG_${String(index).padStart(6, "0")}.jpg`,
      checksum: createHash("sha256").update(String(index)).digest("hex"),
    };
  }
}

export function statusOf({ fate }: MockPhoto): "FAILED" | "PROCESSING" | "PROCESSED" | "STORED" {
  if (fate === "failed") return "FAILED";
  const age = Date.now() - fate;
  if (age < PROCESS_MS) return "PROCESSING";
  return age < STORE_MS ? "PROCESSED" : "STORED";
}

const hashes = new Map<string, string>();

export function placeholderOf({ seed, ratio }: MockPhoto): string {
  const key = `${seed}/${ratio}`;
  const known = hashes.get(key) ?? thumbHash(seed, ratio);
  hashes.set(key, known);
  return known;
}

export function versionOf(photo: MockPhoto): number {
  const status = statusOf(photo);
  return status === "PROCESSED" || status === "STORED" ? 1 : 0;
}
