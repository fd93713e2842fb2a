/** Columns of a month for tests; only what a test says is special. */
import type { MonthColumns } from "@/shared/api";

export function monthColumns(month: string, count: number, change: Partial<MonthColumns> = {}): MonthColumns {
  const fill = <T>(value: T): T[] => Array.from({ length: count }, () => value);
  return {
    month,
    version: 1,
    ids: Array.from({ length: count }, (_, index) => `${month}/${index}`),
    ratios: fill(1.5),
    placeholders: fill(null),
    takenLocal: fill(`${month}-15T12:00:00`),
    days: [[`${month}-15`, count]],
    kinds: fill("photo"),
    statuses: fill("STORED"),
    v: fill(1),
    favorites: fill(false),
    durations: fill(null),
    ...change,
  };
}
