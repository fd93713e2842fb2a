/** Deleting, taking it back, deleting for ever, and what is remembered of it. */
import type { Journey } from "../journey.ts";
import type { Page } from "../support/browser.ts";
import { check, eventually } from "../support/check.ts";
import { shownIds, tileOf } from "../support/tiles.ts";
import { filenameOf, selectionBar, waitForCount } from "./selection.ts";
import { closePanel, photoCount, waitForEnd } from "./uploads.ts";

const SHOWN_MS = 30_000;

async function waitForPhotos(journey: Journey, count: number): Promise<void> {
  await eventually(
    `the timeline counts ${count} photos`,
    () => photoCount(journey),
    (found) => found === count,
    SHOWN_MS,
  );
}

async function openTrash(page: Page): Promise<void> {
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Trash", exact: true }).click();
  await page.getByRole("heading", { name: "Trash" }).waitFor();
}

async function openTimeline(page: Page): Promise<void> {
  await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Photos", exact: true }).click();
  await page.locator('[data-timeline] a[data-state="ready"]').first().waitFor();
}

export async function checkTrash(journey: Journey): Promise<void> {
  const { page, say, shoot } = journey;
  const before = await photoCount(journey);
  const [id = ""] = await shownIds(page);
  const name = await filenameOf(page, id);
  await tileOf(page, id).focus();
  await page.keyboard.press("x");
  await waitForCount(page, 1);
  await selectionBar(page).getByRole("button", { name: "Trash" }).click();
  await tileOf(page, id).waitFor({ state: "detached" });
  await shoot("13-trashed");
  await page.getByTestId("toast").getByRole("button", { name: "Undo" }).click();
  await tileOf(page, id).waitFor();
  await waitForPhotos(journey, before);
  say("a photo goes to the trash at once, and comes back when it is undone");

  await tileOf(page, id).click();
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Delete");
  await page.waitForURL((url) => !url.pathname.includes(id));
  await waitForPhotos(journey, before - 1);
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  check((await tileOf(page, id).count()) === 0, "a photo that was deleted where it lay open is not in the grid");
  await openTrash(page);
  await page.getByRole("checkbox", { name: new RegExp(`^${name}`) }).check();
  await shoot("14-trash");
  await selectionBar(page).getByRole("button", { name: "Restore" }).click();
  await page.getByText("The trash is empty").waitFor();
  await waitForPhotos(journey, before);
  await openTimeline(page);
  await tileOf(page, id).waitFor();
  say("a photo that was deleted where it lay open is found in the trash and restored");
}

export async function checkDeletion(journey: Journey): Promise<void> {
  const { page, say, settings, shoot } = journey;
  const before = await photoCount(journey);
  const [id = ""] = await shownIds(page);
  const name = await filenameOf(page, id);
  const path = settings.samples.find((sample) => sample.name === name)?.path ?? "";
  await tileOf(page, id).focus();
  await page.keyboard.press("x");
  await page.keyboard.press("Delete");
  await tileOf(page, id).waitFor({ state: "detached" });
  await waitForPhotos(journey, before - 1);
  await page.getByTestId("upload-files").first().setInputFiles(path);
  await waitForEnd(journey, /1 not taken/);
  await page.getByText("Not taken: it is in your trash").waitFor();
  await page.getByRole("button", { name: "Open the trash" }).click();
  await closePanel(journey);
  say("a file whose photo is in the trash is not taken, and the trash is a click away");

  await page.getByRole("checkbox", { name: new RegExp(`^${name}`) }).check();
  await page.keyboard.press("Delete");
  const dialog = page.getByRole("alertdialog", { name: "Delete 1 photo for ever?" });
  await shoot("15-purge");
  await dialog.getByRole("button", { name: "Delete for ever" }).click();
  await page.getByText("The trash is empty").waitFor();
  await openTimeline(page);
  await page.getByTestId("upload-files").first().setInputFiles(path);
  await waitForEnd(journey, /1 not taken/);
  await page.getByText("Not taken: you deleted it for ever").waitFor();
  await shoot("16-tombstoned");
  check((await photoCount(journey)) === before - 1, "a photo that was deleted for ever stays away");
  await page.getByRole("button", { name: "Remembered deletions" }).click();
  await closePanel(journey);
  await page.getByText(/Turned away once, last/).waitFor();
  await page.getByRole("button", { name: `Allow ${name} again` }).click();
  await page.getByText("Allowed: taken at its next upload").waitFor();
  await shoot("17-remembered");
  say("a photo that was deleted for ever is not taken again, which is told and can be allowed");

  await openTimeline(page);
  await page.getByTestId("upload-files").first().setInputFiles(path);
  await waitForEnd(journey, /1 stored/);
  await closePanel(journey);
  await waitForPhotos(journey, before);
  say("the same file is taken once it is allowed");
}
