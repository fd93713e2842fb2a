/** Picking photos, and downloading what is picked. */
import { readFileSync } from "node:fs";

import type { Journey } from "../journey.ts";
import type { Page } from "../support/browser.ts";
import { check, eventually } from "../support/check.ts";
import { readyTiles, shownIds, tileOf } from "../support/tiles.ts";

const SHOWN_MS = 30_000;

export function selectionBar(page: Page) {
  return page.getByRole("group", { name: "Selected photos" });
}

export async function waitForCount(page: Page, count: number): Promise<void> {
  await eventually(
    `${count} photos are picked`,
    async () => (await selectionBar(page).getByRole("status").textContent()) ?? "",
    (text) => text.startsWith(`${count} photo`),
    SHOWN_MS,
  );
}

/** Return the name under which a photo was uploaded. */
export function filenameOf(page: Page, photoId: string): Promise<string> {
  return page.evaluate(async (id) => {
    const answer = await fetch(`/api/photos/${id}`);
    return ((await answer.json()) as { filename: string }).filename;
  }, photoId);
}

export async function checkSelection(journey: Journey): Promise<void> {
  const { page, say } = journey;
  await page.keyboard.press("Home");
  const ids = await shownIds(page);
  const [first, , third] = ids;
  check(first !== undefined && third !== undefined, "at least three photos are shown");
  await tileOf(page, first).hover();
  await page.getByRole("button", { name: /^Select (Photo|Video)/ }).click();
  await waitForCount(page, 1);
  await tileOf(page, third).click({ modifiers: ["Shift"] });
  await waitForCount(page, 3);
  await journey.shoot("12-selected");
  say("a range is picked with the mouse");
  await downloadPicked(journey, ids.slice(0, 3));
  await page.keyboard.press("Escape");
  await selectionBar(page).waitFor({ state: "detached" });

  const tile = readyTiles(page).first();
  await tile.focus();
  await page.keyboard.press("x");
  await waitForCount(page, 1);
  await page.getByRole("checkbox", { checked: true }).waitFor();
  await page.keyboard.press(" ");
  await selectionBar(page).waitFor({ state: "detached" });
  say("photos are picked and let go of by the keyboard");
}

async function downloadPicked({ page, settings, say }: Journey, ids: readonly string[]): Promise<void> {
  const names = await Promise.all(ids.map((id) => filenameOf(page, id)));
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    selectionBar(page).getByRole("button", { name: "Download" }).click(),
  ]);
  await page
    .getByTestId("toast")
    .getByText(/^Downloading .+\.zip: 3 originals, /)
    .waitFor();
  check(
    download.suggestedFilename().endsWith(".zip"),
    "several photos come as an archive",
    download.suggestedFilename(),
  );
  const archive = readFileSync(await download.path());
  for (const name of names) {
    const sample = settings.samples.find((candidate) => candidate.name === name);
    check(sample !== undefined && archive.includes(sample.bytes), "the archive has the bytes of the original", name);
  }
  say("the archive of three photos has the bytes of the files that were uploaded");
}
