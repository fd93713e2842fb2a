/** The timeline as the server tells it: months with counts, and the columns of one month. */
import { type QueryClient, queryOptions } from "@tanstack/react-query";

import { api, type MonthColumns, type TimelineMonths, unwrap } from "@/shared/api";

import { makeMonthData, type MonthData } from "./model/month-data";
import type { MonthSource } from "./renderer/month-store";

const KEY = "timeline";

/** While photos in view are being processed, the timeline is asked again this often. */
const PROCESSING_POLL_MS = 2_500;
/** Months that nobody looks at stay this long. */
const MONTH_GC_MS = 60_000;

/** The months, and when they were asked for [`performance.now()`]: what was removed before is not among them. */
export interface AskedMonths extends TimelineMonths {
  askedAtMs: number;
}

export const monthsQuery = (hasProcessing = false) =>
  queryOptions({
    queryKey: [KEY, "months"],
    queryFn: async ({ signal }): Promise<AskedMonths> => {
      const askedAtMs = performance.now();
      return { ...(await unwrap(api.GET("/api/timeline", { signal }))), askedAtMs };
    },
    staleTime: 10_000,
    refetchInterval: hasProcessing ? PROCESSING_POLL_MS : false,
  });

export const monthQuery = (month: string) =>
  queryOptions({
    queryKey: [KEY, "month", month],
    queryFn: async ({ signal }): Promise<MonthData> => {
      const columns = await unwrap(api.GET("/api/timeline/{month}", { params: { path: { month } }, signal }));
      // openapi-fetch widens tuples ("days") to arrays; the schema's own type has them right.
      return makeMonthData(columns as MonthColumns);
    },
    // The view decides when a month is old: it knows the version of the whole.
    staleTime: Infinity,
    gcTime: MONTH_GC_MS,
    retry: false,
    // Months can be large and are replaced as a whole.
    structuralSharing: false,
  });

/** Tell the timeline that photos came, went or changed. */
export function invalidateTimeline(client: QueryClient): Promise<void> {
  return client.invalidateQueries({ queryKey: [KEY, "months"] });
}

/** Return where the view gets its months from: the query cache, so that the lightbox finds the same ones. */
export function makeMonthSource(client: QueryClient): MonthSource {
  const fetchMonth = async (month: string, signal: AbortSignal, staleTime: number): Promise<MonthData> => {
    const query = monthQuery(month);
    const cancel = () => void client.cancelQueries({ queryKey: query.queryKey, exact: true });
    signal.addEventListener("abort", cancel, { once: true });
    try {
      return await client.query({ ...query, staleTime });
    } finally {
      signal.removeEventListener("abort", cancel);
    }
  };
  return {
    remembered: (month) => {
      const { queryKey } = monthQuery(month);
      // What is known to have changed is not what the server counts.
      return client.getQueryState(queryKey)?.isInvalidated === true ? undefined : client.getQueryData(queryKey);
    },
    markStale: () => void client.invalidateQueries({ queryKey: [KEY, "month"], refetchType: "none" }),
    load: (month, signal) => fetchMonth(month, signal, Infinity),
    reload: async (month, signal) => {
      // An answer that is on its way may be of before the change.
      await client.cancelQueries({ queryKey: monthQuery(month).queryKey, exact: true });
      return fetchMonth(month, signal, 0);
    },
  };
}

/** Return the month of a photo, when it is among the loaded ones. */
export function findLoadedMonth(client: QueryClient, photoId: string): string | null {
  const loaded = client.getQueriesData<MonthData>({ queryKey: [KEY, "month"] });
  return loaded.find(([, data]) => data?.columns.ids.includes(photoId))?.[1]?.month ?? null;
}
