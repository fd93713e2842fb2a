/** The photos between two of them, in the order of the timeline (newest first), across months. */
import { sliceBetween } from "@/shared/lib/slice-between";

import type { MonthCount } from "./layout";
import type { MonthData } from "./month-data";

/** A photo and the month it stands in. */
export interface Spot {
  id: string;
  month: string;
}

/** Return the months from one to another, both included, newest first, whichever of them is given first. */
export function monthsBetween(months: readonly MonthCount[], one: string, other: string): string[] {
  const [oldest, newest] = one < other ? [one, other] : [other, one];
  return months.map(({ month }) => month).filter((month) => month >= oldest && month <= newest);
}

/**
 * Return the ids between two photos, both included. Found by id and not by place: photos may have come or gone since
 * the first of them was picked. Null when one of them is no longer there.
 */
export function idsBetween(months: readonly MonthData[], one: string, other: string): string[] | null {
  return sliceBetween(
    months.flatMap(({ columns }) => columns.ids),
    one,
    other,
  );
}

/** Return the photos of the day that the photo at `index` was taken on. */
export function idsOfDayAt({ columns }: MonthData, index: number): string[] {
  let start = 0;
  for (const [, count] of columns.days) {
    if (index < start + count) return columns.ids.slice(start, start + count);
    start += count;
  }
  return [];
}
