/**
 * Addresses of a photo's bytes. The one place that makes them, so that DER-4 can be read here: the grid uses
 * `thumbnailUrl`, the detail view `previewUrl`, and `originalUrl` is for an explicit download only.
 */
export type ThumbnailSize = 64 | 128 | 256 | 512 | 400;

/** Square thumbnails, smallest first; 400 is the one that keeps the aspect ratio. */
const SQUARE_SIZES = [64, 128, 256, 512] as const;

/** Return the smallest square thumbnail that covers a tile of `tilePx` CSS pixels; allows 15 % enlargement. */
export function squareSizeFor(tilePx: number, devicePixelRatio: number): ThumbnailSize {
  const neededPx = (tilePx * devicePixelRatio) / 1.15;
  return SQUARE_SIZES.find((size) => size >= neededPx) ?? 512;
}

export function thumbnailUrl(photoId: string, size: ThumbnailSize, v: number): string {
  return `/api/photos/${photoId}/thumbnail?size=${size}&v=${v}`;
}

export function previewUrl(photoId: string, v: number): string {
  return `/api/photos/${photoId}/preview?v=${v}`;
}

export function originalUrl(photoId: string): string {
  return `/api/photos/${photoId}/download?size=original`;
}
