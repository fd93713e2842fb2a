/** Bringing originals to the person's disk; the browser downloads them itself, nothing is held in memory. */
import { api, type Download, originalUrl, unwrap } from "@/shared/api";

/** Have the server pack the originals of these photos; it answers before the first byte is packed. */
export function packPhotos(photoIds: readonly string[]): Promise<Download> {
  return unwrap(api.POST("/api/downloads", { body: { photoIds: [...photoIds] } }));
}

/** Let the browser download what is at an address of this server. */
export function startDownload(url: string, filename: string): void {
  const link = document.createElement("a");
  link.href = url;
  link.download = filename;
  document.body.append(link);
  link.click();
  link.remove();
}

export function downloadOriginal(photoId: string): void {
  startDownload(originalUrl(photoId), "");
}
