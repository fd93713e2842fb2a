/** How fresh live figures are. */
import { onlineManager, type UseQueryResult } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";

import { useNow } from "@/shared/lib/use-now";

import { type Freshness, freshnessOf } from "../model/poll";

function subscribeOnline(listener: () => void): () => void {
  return onlineManager.subscribe(listener);
}

export function useIsOnline(): boolean {
  return useSyncExternalStore(subscribeOnline, () => onlineManager.isOnline());
}

type LiveQuery = Pick<UseQueryResult, "dataUpdatedAt" | "isError" | "isFetching">;

export function useFreshness({ dataUpdatedAt, isError, isFetching }: LiveQuery): Freshness {
  const nowMs = useNow();
  const isOnline = useIsOnline();
  // A page that was hidden has old figures for the moment that the new ones take.
  return freshnessOf(isFetching && !isError ? nowMs : dataUpdatedAt, nowMs, isOnline, isError);
}
