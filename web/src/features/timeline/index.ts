export { findLoadedMonth, invalidateTimeline } from "./api";
export { type OpenPhoto, TimelinePage } from "./components/timeline-page";
export { HiddenPhotos } from "./hidden-photos";
export { useNeighbours } from "./components/use-neighbours";
export type { TilePhoto } from "./model/month-data";
