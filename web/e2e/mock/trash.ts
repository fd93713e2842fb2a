/** The mock's trash and remembered deletions. */
import type { Library } from "./library.ts";
import { photoDetails } from "./wire.ts";

const RETENTION_DAYS = 30;
const NAMES = ["IMG_2041.jpg", "IMG_2041(1).jpg", "holiday.jpg"];

interface Refusal {
  name: string;
  deviceId: string | null;
  kind: string;
  lastAt: string;
  count: number;
}

interface Tombstone {
  checksum: string;
  filename: string;
  createdAt: string;
  allowedAt: string | null;
  refusals: Refusal[];
}

function refusalOf(name: string, lastAt: string, count: number): Refusal {
  return { name, deviceId: null, kind: "upload", lastAt, count };
}

function pageOf<T>(items: readonly T[], query: URLSearchParams): { items: T[]; nextCursor: string | null } {
  const from = Number(query.get("cursor") ?? 0);
  const limit = Number(query.get("limit") ?? 50);
  const end = from + limit;
  return { items: items.slice(from, end), nextCursor: end < items.length ? String(end) : null };
}

export class Trash {
  private readonly library: Library;
  private readonly tombstones = new Map<string, Tombstone>();

  constructor(library: Library) {
    this.library = library;
  }

  /** Whether an upload of these bytes is turned away; notes the try, and uses up a permission. */
  refuses(checksum: string): boolean {
    const tombstone = this.tombstones.get(checksum);
    if (tombstone === undefined) return false;
    if (tombstone.allowedAt !== null) {
      this.tombstones.delete(checksum);
      return false;
    }
    const [refusal] = tombstone.refusals;
    const lastAt = new Date().toISOString();
    if (refusal === undefined) tombstone.refusals.push(refusalOf(NAMES[0] ?? "", lastAt, 1));
    else Object.assign(refusal, { lastAt, count: refusal.count + 1 });
    return true;
  }

  move(ids: readonly string[]): number {
    const { trashed } = this.library;
    const moved = ids.filter((id) => !trashed.has(id) && this.library.find(id) !== undefined);
    const first = trashed.size;
    moved.forEach((id, index) => {
      // Spread over the past month, so that the days left differ.
      const ageMs = ((first + index) % 8) * 4 * 86_400_000;
      trashed.set(id, new Date(Date.now() - ageMs).toISOString());
    });
    this.library.version += 1;
    return moved.length;
  }

  /** Return the answer to a call; null for one without content. */
  answer(method: string, path: string, query: URLSearchParams, body: Buffer): Record<string, unknown> | null {
    const ids = method === "POST" ? (JSON.parse(body.toString()) as { photoIds: string[] }).photoIds : [];
    if (path === "/api/trash/restore") return { updated: this.take(ids).length };
    if (path === "/api/trash/purge") return { purged: this.purge(ids) };
    if (path === "/api/trash" && method === "POST") return { updated: this.move(ids) };
    if (path === "/api/trash") return this.list(query);
    if (method === "GET") return pageOf([...this.tombstones.values()].map(withTotals).reverse(), query);
    const tombstone = this.tombstones.get(path.split("/")[3] ?? "");
    if (tombstone !== undefined) tombstone.allowedAt = new Date().toISOString();
    return null;
  }

  private list(query: URLSearchParams): Record<string, unknown> {
    const photos = [...this.library.trashed].reverse().flatMap(([id, deletedAt]) => {
      const photo = this.library.find(id);
      return photo === undefined ? [] : [photoDetails(photo, deletedAt)];
    });
    return { ...pageOf(photos, query), retentionDays: RETENTION_DAYS };
  }

  private take(ids: readonly string[]): string[] {
    this.library.version += 1;
    return ids.filter((id) => this.library.trashed.delete(id));
  }

  private purge(ids: readonly string[]): number {
    const gone = this.take(ids);
    for (const id of gone) {
      const photo = this.library.find(id);
      this.library.purged.add(id);
      if (photo === undefined) continue;
      const { checksum, filename } = photo;
      const count = this.tombstones.size % 3;
      const refusals = NAMES.slice(0, count).map((name, index) => {
        return refusalOf(name, new Date(Date.now() - index * 7_200_000).toISOString(), index * 4 + 1);
      });
      const createdAt = new Date().toISOString();
      this.tombstones.set(checksum, { checksum, filename, createdAt, allowedAt: null, refusals });
    }
    return gone.length;
  }
}

function withTotals(tombstone: Tombstone): Record<string, unknown> {
  const { refusals } = tombstone;
  return {
    ...tombstone,
    refusedCount: refusals.reduce((sum, { count }) => sum + count, 0),
    lastRefusedAt: refusals[0]?.lastAt ?? null,
  };
}
