/** What a frame of the timeline tells the page around it. */
import type { TimelineLayout } from "../model/layout";

export interface Frame {
  layout: TimelineLayout;
  top: number;
  viewportHeight: number;
  /** Local time of the first photo in view; null while its month is not loaded. */
  takenLocal: string | null;
  isScrolling: boolean;
  /** Whether a photo in view still waits for its thumbnail to be made. */
  hasProcessing: boolean;
  /** Whether a month in view could not be loaded; it is tried again. */
  hasTrouble: boolean;
}
