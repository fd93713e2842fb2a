/** The photos of one month, as the columns of the server; all columns are of one length, newest photo first. */

export interface Columns {
  month: string;
  ids: readonly string[];
  ratios: readonly number[];
  placeholders: readonly (string | null)[];
  takenLocal: readonly string[];
  days: readonly (readonly [day: string, count: number])[];
  kinds: readonly string[];
  statuses: readonly string[];
  v: readonly number[];
  favorites: readonly boolean[];
  durations: readonly (number | null)[];
}

/** One photo as a tile shows it. */
export interface TilePhoto {
  id: string;
  month: string;
  index: number;
  takenLocal: string;
  placeholder: string | null;
  ratio: number;
  isVideo: boolean;
  durationMs: number | null;
  isFavorite: boolean;
  /** ready: there is a thumbnail; processing: there will be one; failed: there will be none. */
  state: "ready" | "processing" | "failed";
  v: number;
  /** The day, when this is its first photo; otherwise null. */
  startsDay: string | null;
}

export interface MonthData {
  readonly month: string;
  readonly count: number;
  readonly columns: Columns;
  /** Indexes at which a day begins, with the day. */
  readonly dayStarts: ReadonlyMap<number, string>;
  readonly hasProcessing: boolean;
}

function startsOf(days: Columns["days"]): Map<number, string> {
  const starts = new Map<number, string>();
  let index = 0;
  for (const [day, count] of days) {
    starts.set(index, day);
    index += count;
  }
  return starts;
}

const UNFINISHED: ReadonlySet<string | undefined> = new Set(["UPLOADED", "INGESTED", "PROCESSING"]);

function stateOf(status: string | undefined, v: number): TilePhoto["state"] {
  if (v > 0) return "ready";
  // A finished photo without a version has no derivatives and will get none: its format cannot be displayed.
  return UNFINISHED.has(status) ? "processing" : "failed";
}

/** Return the month, indexed for tiles. */
export function makeMonthData(columns: Columns): MonthData {
  const hasProcessing = columns.ids.some((_, index) => {
    return stateOf(columns.statuses[index], columns.v[index] ?? 0) === "processing";
  });
  return {
    month: columns.month,
    count: columns.ids.length,
    columns,
    dayStarts: startsOf(columns.days),
    hasProcessing,
  };
}

/** Return the photo at `index`, or null when the month has no such photo. */
export function photoAt(data: MonthData, index: number): TilePhoto | null {
  const { columns } = data;
  const id = columns.ids[index];
  if (id === undefined) return null;
  const v = columns.v[index] ?? 0;
  return {
    id,
    month: data.month,
    index,
    takenLocal: columns.takenLocal[index] ?? "",
    placeholder: columns.placeholders[index] ?? null,
    ratio: columns.ratios[index] ?? 1,
    isVideo: columns.kinds[index] === "video",
    durationMs: columns.durations[index] ?? null,
    isFavorite: columns.favorites[index] ?? false,
    state: stateOf(columns.statuses[index], v),
    v,
    startsDay: data.dayStarts.get(index) ?? null,
  };
}
