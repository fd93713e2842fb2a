/** What the figures of a node mean. */
import type { NodeStatus, Queue } from "@/shared/api";
import { formatCount, formatSpan, plural } from "@/shared/lib/format";

/** Return jobs per minute over the last hour, as people say it: `0`, `< 1`, `3.2`, `120`. */
export function perMinute(lastHour: number): string {
  const rate = lastHour / 60;
  if (rate === 0) return "0";
  if (rate < 1) return rate < 0.1 ? "< 0.1" : rate.toFixed(1);
  return rate < 10 ? Number(rate.toFixed(1)).toString() : formatCount(Math.round(rate));
}

/** Return a number that may be up to minutes old. */
export function estimate(count: number, isEstimate: boolean): string {
  return isEstimate ? `≈ ${formatCount(count)}` : formatCount(count);
}

/** Return how long the oldest job has been due; a dash when none waits. */
export function ageOf(since: string | null, nowMs: number): string {
  return since === null ? "–" : formatSpan(Math.max(0, nowMs - Date.parse(since)));
}

export interface Totals {
  waiting: number;
  running: number;
  failed: number;
  completedLastHour: number;
  /** Whether the number of waiting jobs, or of failed ones, is up to minutes old. */
  isEstimate: { waiting: boolean; failed: boolean };
  paused: number;
  oldestWaitingSince: string | null;
}

/** Return the sums over all queues; the age is that of the oldest job of queues that are not paused. */
export function totalsOf(queues: readonly Queue[]): Totals {
  const sum = (pick: (queue: Queue) => number) => queues.reduce((total, queue) => total + pick(queue), 0);
  const since = queues.flatMap(({ paused, oldestWaitingSince }) => (paused ? [] : (oldestWaitingSince ?? [])));
  return {
    waiting: sum(({ waiting }) => waiting),
    running: sum(({ running }) => running),
    failed: sum(({ failed }) => failed),
    completedLastHour: sum(({ completedLastHour }) => completedLastHour),
    isEstimate: {
      waiting: queues.some(({ isEstimate, waiting }) => isEstimate && waiting > 0),
      failed: queues.some(({ isEstimate, failed }) => isEstimate && failed > 0),
    },
    paused: sum(({ paused }) => Number(paused)),
    oldestWaitingSince: since.sort()[0] ?? null,
  };
}

export interface DiskParts {
  /** Used part of the disk (0-1). */
  used: number;
  /** Where the reserve for derivatives begins: beyond, they are evicted (0-1). */
  lowAt: number;
  /** Where uploads are refused (0-1). */
  fullAt: number;
}

/** Return the disk as parts of a bar. */
export function diskParts({ totalBytes, freeBytes, lowBelowBytes, fullBelowBytes }: NodeStatus["disk"]): DiskParts {
  const part = (freeAtLeast: number) => (totalBytes <= 0 ? 0 : Math.min(1, Math.max(0, 1 - freeAtLeast / totalBytes)));
  return { used: part(freeBytes), lowAt: part(lowBelowBytes), fullAt: part(fullBelowBytes) };
}

const DISK_TEXTS: Readonly<Record<NodeStatus["disk"]["state"], string>> = {
  ok: "There is room.",
  low: "Room is short: thumbnails and previews that are not needed now are being removed.",
  full: "The reserve is reached: uploads are refused until there is room again.",
};

export function diskText({ state }: NodeStatus["disk"]): string {
  return DISK_TEXTS[state];
}

const UPTIME_UNITS = [
  [86_400, "day"],
  [3600, "hour"],
  [60, "minute"],
] as const;

/** Return for how long the node has been up, in its largest unit. */
export function uptimeText(uptimeS: number): string {
  const [unitS, unit] = UPTIME_UNITS.find(([lengthS]) => uptimeS >= lengthS) ?? [1, "second"];
  return plural(Math.floor(uptimeS / unitS), unit);
}
