/** The tiles of the timeline. */
import type { Locator } from "playwright-core";

import type { Page } from "./browser.ts";

export function readyTiles(page: Page): Locator {
  return page.locator('[data-timeline] a[data-state="ready"]:not([hidden])');
}

/** The tile of a photo, wherever it stands. */
export function tileOf(page: Page, photoId: string): Locator {
  return page.locator(`[data-timeline] a[href="/photos/${photoId}"]:not([hidden])`);
}

/** Return the ids of the tiles that are shown, in the order of the timeline. */
export async function shownIds(page: Page): Promise<string[]> {
  const places = await readyTiles(page).evaluateAll((tiles) =>
    tiles.map((tile) => {
      const { left, top } = tile.getBoundingClientRect();
      return { left, top, id: tile.getAttribute("href")?.replace("/photos/", "") ?? "" };
    }),
  );
  return places.sort((a, b) => a.top - b.top || a.left - b.left).map(({ id }) => id);
}
