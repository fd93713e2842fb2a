/** How many square tiles stand in a row, and how large they are. */

export const DENSITIES = ["small", "medium", "large"] as const;
export type Density = (typeof DENSITIES)[number];

/** Photos that a full screen shows, by density (WEB-1). */
const VISIBLE_PHOTOS: Readonly<Record<Density, number>> = { small: 200, medium: 100, large: 30 };
/** Phones show fewer instead of smaller tiles: a thumb has to hit them, and an eye to tell them apart. */
const MIN_TILE_PX: Readonly<Record<Density, number>> = { small: 56, medium: 84, large: 150 };
/** The largest square thumbnail is 512 px; wider tiles would look soft on screens with two pixels per px. */
const MAX_TILE_PX = 320;
const MIN_COLUMNS = 2;

export interface Viewport {
  widthPx: number;
  heightPx: number;
}

export interface Grid {
  columns: number;
  /** Edge of a tile, before columns are snapped to whole pixels [px]. */
  tilePx: number;
  gapPx: number;
  widthPx: number;
}

/** Return the grid that shows about as many photos as the density promises, in whole columns that fill the width. */
export function planGrid(viewport: Viewport, density: Density): Grid {
  const widthPx = Math.max(viewport.widthPx, 1);
  const gapPx = widthPx < 600 ? 2 : 4;
  const wishedPx = Math.sqrt((widthPx * Math.max(viewport.heightPx, 1)) / VISIBLE_PHOTOS[density]);
  const targetPx = Math.min(Math.max(wishedPx, MIN_TILE_PX[density]), MAX_TILE_PX);
  const columns = Math.max(MIN_COLUMNS, Math.round((widthPx + gapPx) / (targetPx + gapPx)));
  return { columns, tilePx: Math.max(1, (widthPx - gapPx * (columns - 1)) / columns), gapPx, widthPx };
}
