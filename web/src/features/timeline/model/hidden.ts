/** A month without the photos that a person has just removed, before the server has told it anew. */
import { type Columns, makeMonthData, type MonthData } from "./month-data";

/** Return the month without `hidden`; the same object when it has none of them. */
export function withoutPhotos(data: MonthData, hidden: ReadonlySet<string>): MonthData {
  const { columns } = data;
  if (hidden.size === 0 || !columns.ids.some((id) => hidden.has(id))) return data;
  const stays = columns.ids.map((id) => !hidden.has(id));
  const keep = <T>(column: readonly T[]): T[] => column.filter((_, index) => stays[index]);
  return makeMonthData({
    month: columns.month,
    ids: keep(columns.ids),
    ratios: keep(columns.ratios),
    placeholders: keep(columns.placeholders),
    takenLocal: keep(columns.takenLocal),
    days: keepDays(columns.days, stays),
    kinds: keep(columns.kinds),
    statuses: keep(columns.statuses),
    v: keep(columns.v),
    favorites: keep(columns.favorites),
    durations: keep(columns.durations),
  });
}

function keepDays(days: Columns["days"], stays: readonly boolean[]): Columns["days"] {
  let start = 0;
  return days.flatMap(([day, count]): [string, number][] => {
    const left = stays.slice(start, start + count).filter(Boolean).length;
    start += count;
    return left === 0 ? [] : [[day, left]];
  });
}
