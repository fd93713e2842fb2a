/** One photo with everything that is known of it. */
import { queryOptions } from "@tanstack/react-query";

import { api, type Photo, unwrap } from "@/shared/api";

import { isSettled } from "./model/status";

/** While a photo is worked on, its details are asked again this often. */
const UNSETTLED_POLL_MS = 2_000;

export const photoQuery = (photoId: string) =>
  queryOptions({
    queryKey: ["photo", photoId],
    queryFn: ({ signal }): Promise<Photo> =>
      unwrap(api.GET("/api/photos/{photo_id}", { params: { path: { photo_id: photoId } }, signal })),
    staleTime: 10_000,
    refetchInterval: ({ state }) => (state.data !== undefined && !isSettled(state.data) ? UNSETTLED_POLL_MS : false),
  });
