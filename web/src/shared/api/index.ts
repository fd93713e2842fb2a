export { api, unwrap } from "./client";
export { originalUrl, previewUrl, squareSizeFor, thumbnailUrl, type ThumbnailSize } from "./photo-urls";
export { ApiError, explain } from "./problem";
export { putBytes } from "./put-bytes";
export { onSessionLost } from "./session";
export type * from "./types";
