import { useQuery, useQueryClient } from "@tanstack/react-query";

import { photoQuery } from "@/features/photos";
import { findLoadedMonth } from "@/features/timeline";

/** Return the month of a photo: from the loaded timeline at once, else from the photo's details when they come. */
export function usePhotoMonth(photoId: string | undefined): string | null {
  const client = useQueryClient();
  const { data } = useQuery({ ...photoQuery(photoId ?? ""), enabled: photoId !== undefined });
  if (photoId === undefined) return null;
  return findLoadedMonth(client, photoId) ?? data?.takenLocal.slice(0, 7) ?? null;
}
