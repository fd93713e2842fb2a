import type { Photo } from "@/shared/api";

/** A photo as the lightbox shows it; both the timeline's tiles and the details can fill it. */
export interface SlidePhoto {
  id: string;
  v: number;
  ratio: number;
  isVideo: boolean;
  state: "ready" | "processing" | "failed";
}

/** Return the details of a photo as a slide; null while there are none. */
export function slideOf(photo: Photo | undefined): SlidePhoto | null {
  if (photo === undefined) return null;
  const state = photo.v > 0 ? "ready" : photo.isProcessing ? "processing" : "failed";
  return { id: photo.id, v: photo.v, ratio: photo.ratio ?? 1, isVideo: photo.kind === "video", state };
}
