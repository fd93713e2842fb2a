/** Numbers and dates as people read them. */

const LOCALE = "en";
const SIZE_UNITS = ["bytes", "KB", "MB", "GB", "TB"] as const;

/** Return a size in decimal units, as file managers and disk makers count. */
export function formatBytes(sizeBytes: number): string {
  let value = sizeBytes;
  let unit = 0;
  while (value >= 1000 && unit < SIZE_UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${SIZE_UNITS[unit] ?? ""}`;
}

export function formatCount(count: number): string {
  return new Intl.NumberFormat(LOCALE).format(count);
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** Return a video's length as `m:ss` or `h:mm:ss`. */
export function formatDuration(durationMs: number): string {
  const total = Math.round(durationMs / 1000);
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = Math.floor(total / 3600);
  const minutes = Math.floor((total % 3600) / 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${two(total % 60)}` : `${minutes}:${two(total % 60)}`;
}

/** Return the zone as `UTC+02:00`. */
export function formatOffset(offsetMinutes: number): string {
  const minutes = Math.abs(offsetMinutes);
  const two = (value: number) => String(value).padStart(2, "0");
  return `UTC${offsetMinutes < 0 ? "−" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** Formatters are costly to make, and options are constants of their callers. */
const formatters = new WeakMap<Intl.DateTimeFormatOptions, Intl.DateTimeFormat>();

/**
 * Format what the clock on the wall said: `local` carries no zone and must not be moved into the browser's, so it is
 * read and written as if it were UTC.
 */
export function formatLocal(local: string, options: Intl.DateTimeFormatOptions): string {
  const instant = Date.parse(`${local.replace(/(Z|[+-]\d\d:\d\d)$/, "")}${local.includes("T") ? "" : "T00:00:00"}Z`);
  if (Number.isNaN(instant)) return local;
  const formatter = formatters.get(options) ?? new Intl.DateTimeFormat(LOCALE, { ...options, timeZone: "UTC" });
  formatters.set(options, formatter);
  return formatter.format(instant);
}

const MONTH = { month: "long", year: "numeric" } as const;
const DAY = { weekday: "short", day: "numeric", month: "long", year: "numeric" } as const;

export function formatMonth(month: string): string {
  return formatLocal(`${month}-01`, MONTH);
}

export function formatDay(day: string): string {
  return formatLocal(day, DAY);
}

const AGES = [
  [60, "minute"],
  [3600, "hour"],
  [86_400, "day"],
] as const;

/** Return how long ago an instant was: `just now`, `5 minutes ago`, `3 days ago`; an instant ahead is `just now`. */
export function formatAgo(instant: string, nowMs: number): string {
  const passedS = (nowMs - Date.parse(instant)) / 1000;
  const [unitS, unit] = AGES.findLast(([lengthS]) => passedS >= lengthS) ?? [0, ""];
  return unitS === 0 ? "just now" : `${plural(Math.floor(passedS / unitS), unit)} ago`;
}

/** Return a length of time in its largest unit, for narrow places: `40 ms`, `12 s`, `5 min`, `3 h`, `2 d`. */
export function formatSpan(durationMs: number): string {
  if (durationMs < 1000) return `${Math.max(0, Math.round(durationMs))} ms`;
  const seconds = durationMs / 1000;
  if (seconds < 60) return `${Number(seconds.toFixed(seconds < 10 ? 1 : 0))} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 2 * 86_400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}

const INSTANT = { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const;
const INSTANT_FULL = { ...INSTANT, year: "numeric", second: "2-digit" } as const;

/** Return an instant by the clock of the person who reads it: `12 Mar, 14:05`. */
export function formatInstant(instant: string): string {
  return new Intl.DateTimeFormat("en-GB", INSTANT).format(new Date(instant));
}

/** Return an instant to the second, with its year. */
export function formatInstantFull(instant: string): string {
  return new Intl.DateTimeFormat("en-GB", INSTANT_FULL).format(new Date(instant));
}
