/** What a click on a tile means. */
export type Intent = "open" | "toggle" | "extend" | "day";

export interface TileClick {
  isPrimary: boolean;
  ctrl: boolean;
  alt: boolean;
  shift: boolean;
  /** On the date that heads the photos of a day. */
  onDay: boolean;
  isSelecting: boolean;
}

/** Return the intent, or null for what is the browser's: a new tab, a context menu. */
export function intentOf({ isPrimary, ctrl, alt, shift, onDay, isSelecting }: TileClick): Intent | null {
  if (!isPrimary || ctrl || alt) return null;
  if (onDay) return "day";
  if (shift) return "extend";
  return isSelecting ? "toggle" : "open";
}
