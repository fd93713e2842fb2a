/** What lives as long as the page: the query cache, the uploads, and what a person has picked. */
import type { QueryClient } from "@tanstack/react-query";

import { HiddenPhotos, invalidateTimeline } from "@/features/timeline";
import { UploadManager } from "@/features/uploads";
import { Selection } from "@/shared/lib/selection";
import { Toasts } from "@/shared/ui";

import { PhotoActions } from "./photo-actions";
import { makeQueryClient } from "./query-client";

export interface Services {
  client: QueryClient;
  uploads: UploadManager;
  toasts: Toasts;
  actions: PhotoActions;
  /** Photos that are gone from the timeline ahead of the server. */
  hidden: HiddenPhotos;
  /** What is picked in the timeline; it stays picked while other pages are shown. */
  selection: Selection;
}

export function makeServices(): Services {
  const client = makeQueryClient();
  const toasts = new Toasts();
  const hidden = new HiddenPhotos();
  return {
    client,
    toasts,
    hidden,
    uploads: new UploadManager({ onPhotosChanged: () => void invalidateTimeline(client) }),
    actions: new PhotoActions({ client, hidden, toasts }),
    selection: new Selection(),
  };
}
