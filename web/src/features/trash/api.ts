/** The trash and the remembered deletions, as the server tells them. */
import { type InfiniteData, infiniteQueryOptions, type QueryClient } from "@tanstack/react-query";

import { api, type RememberedPage, type TrashPage, unwrap } from "@/shared/api";
import { batches } from "@/shared/lib/batches";

const TRASH = ["trash", "photos"] as const;
const REMEMBERED = ["trash", "remembered"] as const;
const PAGE_PHOTOS = 100;
/** The most that the server lists at once. */
const MAX_LISTED = 500;
/** Photos that are moved by one call; the server takes ten times as many, but answers later. */
const MOVED_AT_ONCE = 5_000;
/** Photos that are deleted by one call: few enough to tell how far it is. */
const PURGED_AT_ONCE = 500;

export const trashQuery = infiniteQueryOptions({
  queryKey: TRASH,
  queryFn: ({ pageParam, signal }): Promise<TrashPage> => readTrash(pageParam, PAGE_PHOTOS, signal),
  initialPageParam: null as string | null,
  getNextPageParam: ({ nextCursor }) => nextCursor,
});

export const rememberedQuery = infiniteQueryOptions({
  queryKey: REMEMBERED,
  queryFn: ({ pageParam, signal }): Promise<RememberedPage> => {
    const query = pageParam === null ? {} : { cursor: pageParam };
    return unwrap(api.GET("/api/tombstones", { params: { query }, signal }));
  },
  initialPageParam: null as string | null,
  getNextPageParam: ({ nextCursor }) => nextCursor,
});

function readTrash(cursor: string | null, limit: number, signal?: AbortSignal): Promise<TrashPage> {
  const query = cursor === null ? { limit } : { limit, cursor };
  return unwrap(api.GET("/api/trash", { params: { query }, ...(signal && { signal }) }));
}

/** Return the ids of everything in the trash now. */
export async function listTrashedIds(): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | null = null;
  do {
    const page: TrashPage = await readTrash(cursor, MAX_LISTED);
    ids.push(...page.items.map(({ id }) => id));
    cursor = page.nextCursor;
  } while (cursor !== null);
  return ids;
}

/** Move photos to the trash. */
export async function moveToTrash(photoIds: readonly string[]): Promise<void> {
  const [first] = photoIds;
  if (photoIds.length === 1 && first !== undefined) {
    await unwrap(api.DELETE("/api/photos/{photo_id}", { params: { path: { photo_id: first } } }));
    return;
  }
  for (const part of batches(photoIds, MOVED_AT_ONCE)) {
    await unwrap(api.POST("/api/trash", { body: { photoIds: part } }));
  }
}

/** Bring photos back from the trash; returns how many were there. */
export async function restoreFromTrash(photoIds: readonly string[]): Promise<number> {
  let count = 0;
  for (const part of batches(photoIds, MOVED_AT_ONCE)) {
    count += (await unwrap(api.POST("/api/trash/restore", { body: { photoIds: part } }))).updated;
  }
  return count;
}

/** Delete photos of the trash for ever; returns how many are gone. Tells after each part how many it has dealt with. */
export async function purge(photoIds: readonly string[], onProgress: (done: number) => void): Promise<number> {
  let [done, gone] = [0, 0];
  // One after the other: what a failure leaves undone is then the end of the list, and not pieces of it.
  for (const part of batches(photoIds, PURGED_AT_ONCE)) {
    gone += (await unwrap(api.POST("/api/trash/purge", { body: { photoIds: part } }))).purged;
    done += part.length;
    onProgress(done);
  }
  return gone;
}

/** Take the file with this checksum again, the next time that it is uploaded. */
export async function allowAgain(checksum: string): Promise<void> {
  await unwrap(api.DELETE("/api/tombstones/{checksum}", { params: { path: { checksum } } }));
}

/** Take photos out of the list that is shown, ahead of the server. */
export function dropFromTrash(client: QueryClient, photoIds: readonly string[]): void {
  const gone = new Set(photoIds);
  client.setQueryData<InfiniteData<TrashPage, string | null>>(TRASH, (data) => {
    if (data === undefined) return data;
    return {
      ...data,
      pages: data.pages.map((page) => ({ ...page, items: page.items.filter(({ id }) => !gone.has(id)) })),
    };
  });
}

/** Tell the pages of the trash that something changed. */
export function invalidateTrash(client: QueryClient): Promise<void> {
  return client.invalidateQueries({ queryKey: ["trash"] });
}
