/** The photos before and after an open one, for the lightbox. */
import { useQueries, useQuery } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";

import { monthQuery, monthsQuery } from "../api";
import type { HiddenPhotos } from "../hidden-photos";
import { withoutPhotos } from "../model/hidden";
import { type MonthData, photoAt, type TilePhoto } from "../model/month-data";
import { findPlace, neighbourPlaces, type Place } from "../model/neighbours";

export interface Neighbours {
  /** The photo itself as the timeline knows it, at once and without asking. */
  current: TilePhoto | null;
  previous: TilePhoto | null;
  next: TilePhoto | null;
}

/** Return the neighbours of a photo; `month` is the month it was taken in, or null while that is not known. */
export function useNeighbours(photoId: string, month: string | null, hiddenPhotos: HiddenPhotos): Neighbours {
  const { data: timeline } = useQuery(monthsQuery());
  const hidden = useSyncExternalStore(hiddenPhotos.subscribe, hiddenPhotos.ids);
  const months = timeline?.months ?? [];
  const at = months.findIndex((entry) => entry.month === month);
  // The months beside it are asked for too: only the first and last photo of a month need them, but then at once.
  const nearby = at < 0 ? [] : months.slice(Math.max(0, at - 1), at + 2).map((entry) => entry.month);
  const loaded = useQueries({
    queries: nearby.map((entry) => monthQuery(entry)),
    combine: (results) =>
      new Map(
        results.flatMap(({ data }): [string, MonthData][] => {
          return data === undefined ? [] : [[data.month, withoutPhotos(data, hidden)]];
        }),
      ),
  });
  const place = findPlace(loaded, photoId, month);
  if (place === null) return { current: null, previous: null, next: null };
  const counts = months.map((entry) => ({ ...entry, count: loaded.get(entry.month)?.count ?? entry.count }));
  const { previous, next } = neighbourPlaces(counts, place);
  const read = (wanted: Place | null): TilePhoto | null => {
    const data = wanted === null ? undefined : loaded.get(wanted.month);
    return wanted === null || data === undefined ? null : photoAt(data, wanted.index);
  };
  return { current: read(place), previous: read(previous), next: read(next) };
}
