/** What lives as long as the page: the query cache and the uploads. */
import type { QueryClient } from "@tanstack/react-query";

import { invalidateTimeline } from "@/features/timeline";
import { UploadManager } from "@/features/uploads";

import { makeQueryClient } from "./query-client";

export interface Services {
  client: QueryClient;
  uploads: UploadManager;
}

export function makeServices(): Services {
  const client = makeQueryClient();
  const uploads = new UploadManager({ onPhotosChanged: () => void invalidateTimeline(client) });
  return { client, uploads };
}
