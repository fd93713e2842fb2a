/** What stands before and after a photo, across the borders of months. */
import type { MonthCount } from "./layout";
import type { MonthData } from "./month-data";

export interface Place {
  month: string;
  index: number;
}

/** Return where a photo stands among the loaded months, looking into `hint` first. */
export function findPlace(months: ReadonlyMap<string, MonthData>, photoId: string, hint: string | null): Place | null {
  const hinted = hint === null ? undefined : months.get(hint);
  for (const data of hinted === undefined ? months.values() : [hinted, ...months.values()]) {
    const index = data.columns.ids.indexOf(photoId);
    if (index >= 0) return { month: data.month, index };
  }
  return null;
}

export interface NeighbourPlaces {
  /** The newer photo, or null at the front. */
  previous: Place | null;
  /** The older photo, or null at the end. */
  next: Place | null;
}

/** Return the places beside one. They may lie in months that are not loaded yet. */
export function neighbourPlaces(months: readonly MonthCount[], place: Place): NeighbourPlaces {
  const full = months.filter(({ count }) => count > 0);
  const at = full.findIndex(({ month }) => month === place.month);
  const [newer, here, older] = [full[at - 1], full[at], full[at + 1]];
  if (at < 0 || here === undefined) return { previous: null, next: null };
  const beforeMonth = newer === undefined ? null : { month: newer.month, index: newer.count - 1 };
  const afterMonth = older === undefined ? null : { month: older.month, index: 0 };
  return {
    previous: place.index > 0 ? { month: place.month, index: place.index - 1 } : beforeMonth,
    next: place.index < here.count - 1 ? { month: place.month, index: place.index + 1 } : afterMonth,
  };
}
