/** What the trash and the remembered deletions say, in words. */
import { formatAgo, formatCount, formatDay, plural } from "@/shared/lib/format";

const DAY_MS = 24 * 60 * 60 * 1000;

/** Return in how many days a photo is deleted for ever, rounded up; 0 when it is due. */
export function daysLeft(deletedAt: string | null, retentionDays: number, nowMs: number): number {
  const since = deletedAt === null ? nowMs : Date.parse(deletedAt);
  return Math.max(0, Math.ceil((since + retentionDays * DAY_MS - nowMs) / DAY_MS));
}

/** Return what is said on a tile: the fewer days, the louder. */
export function daysLeftText(days: number): string {
  return days === 0 ? "due today" : plural(days, "day");
}

export interface Refusals {
  refusedCount: number;
  lastRefusedAt: string | null;
  /** The latest sources, latest first. */
  refusals: readonly { name: string; kind: string; deviceId: string | null; count: number }[];
}

/** Sources that are named; of the rest only the total tells. */
const NAMED = 3;

/** Return how often the photo was offered again, when last, and by what; null when it never was. */
export function refusalText({ refusedCount, lastRefusedAt, refusals }: Refusals, nowMs: number): string | null {
  if (refusedCount === 0) return null;
  const times = refusedCount === 1 ? "once" : `${formatCount(refusedCount)} times`;
  const last = lastRefusedAt === null ? "" : `, last ${formatAgo(lastRefusedAt, nowMs)}`;
  const sources = refusals.slice(0, NAMED).map(sourceText).join("; ");
  return `Turned away ${times}${last}${sources === "" ? "" : `: ${sources}`}`;
}

function sourceText({ name, kind, deviceId, count }: Refusals["refusals"][number]): string {
  const device = deviceId === null ? "" : `, device …${deviceId.slice(-8)}`;
  return `${name} (${kind}${device}${count > 1 ? `, ${formatCount(count)}×` : ""})`;
}

export function deletedText(createdAt: string): string {
  return `Deleted for ever on ${formatDay(createdAt.slice(0, 10))}`;
}
