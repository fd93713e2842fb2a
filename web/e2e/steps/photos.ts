/** Looking at photos, with every request for their bytes recorded (DER-4). */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

import type { Journey } from "../journey.ts";
import type { Page } from "../support/browser.ts";
import { byteKind, ByteRecorder, kindsOf } from "../support/byte-requests.ts";
import { check, eventually } from "../support/check.ts";

const SHOWN_MS = 30_000;

async function waitForTiles(page: Page): Promise<number> {
  return eventually(
    "every tile in view shows its thumbnail",
    () =>
      page.evaluate(() => {
        const tiles = [...document.querySelectorAll<HTMLElement>("[data-timeline] a:not([hidden])")];
        return { all: tiles.length, shown: tiles.filter((tile) => tile.dataset["image"] === "shown").length };
      }),
    ({ all, shown }) => all > 0 && shown === all,
    SHOWN_MS,
  ).then(({ all }) => all);
}

export async function checkGrid({ page, say, shoot, settings }: Journey): Promise<void> {
  const recorder = new ByteRecorder(page);
  await page.goto(settings.url);
  await page.getByRole("button", { name: "Large tiles" }).click();
  await waitForTiles(page);
  await page.locator("[data-timeline]").hover();
  for (let step = 0; step < 10; step += 1) {
    await page.mouse.wheel(0, 400);
    await page.waitForTimeout(120);
  }
  await waitForTiles(page);
  await shoot("08-grid-scrolled");
  const requests = recorder.take();
  check(requests.length >= settings.samples.length, "the grid asked for a thumbnail of every photo", requests.length);
  check(kindsOf(requests).join() === "thumbnail", "the grid asks for thumbnails and nothing else", kindsOf(requests));
  check(
    requests.every(({ url }) => /[?&]v=[1-9]/.test(url)),
    "every thumbnail is asked for by its version",
    requests[0],
  );
  say(`the grid fetched ${requests.length} thumbnails and nothing else`);
  await page.keyboard.press("Home");
  await page.getByRole("button", { name: "Medium tiles" }).click();
  await waitForTiles(page);
  await shoot("09-grid");
}

/** Wait until the preview of the photo in the middle is shown; returns the photo's id. */
async function waitForPreview(page: Page): Promise<string> {
  const dialog = page.getByRole("dialog");
  const preview = dialog.locator('[aria-hidden="false"] img[src*="/preview"]');
  await preview.waitFor();
  await eventually(
    "the preview is shown",
    () => preview.evaluate((image: HTMLImageElement) => image.complete && image.naturalWidth > 0),
    (isShown) => isShown,
    SHOWN_MS,
  );
  const source = (await preview.getAttribute("src")) ?? "";
  return /photos\/([^/]+)\//.exec(source)?.[1] ?? "";
}

async function checksumOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const part of createReadStream(path)) hash.update(part as Buffer);
  return hash.digest("hex");
}

async function checkDownload({ page, settings, say }: Journey, recorder: ByteRecorder): Promise<void> {
  const dialog = page.getByRole("dialog");
  const name = (await dialog.getByRole("heading").first().locator("span").textContent()) ?? "";
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    dialog.getByRole("link", { name: "Download original" }).click(),
  ]);
  const sample = settings.samples.find((candidate) => candidate.name === name);
  check(sample !== undefined, "the open photo is one of the uploaded files", name);
  check(download.suggestedFilename() === name, "the download has the name of the file", download.suggestedFilename());
  check((await checksumOf(await download.path())) === sample.checksum, "the download has the bytes of the file", name);
  // The browser reports a download apart from the page's requests; only this one may be an original.
  check(byteKind(download.url()) === "original", "the download is the original", download.url());
  check(!kindsOf(recorder.take()).includes("original"), "nothing but the download asks for the original");
  say("the downloaded original has the name and the bytes of the file that was uploaded");
}

export async function checkPhoto(journey: Journey): Promise<void> {
  const { page, say, shoot } = journey;
  const recorder = new ByteRecorder(page);
  await page.locator('[data-timeline] a[data-state="ready"]').first().click();
  await page.waitForURL("**/photos/*");
  const first = await waitForPreview(page);
  await shoot("10-photo");
  await page.keyboard.press("ArrowRight");
  await page.waitForURL((url) => !url.pathname.includes(first));
  const second = await waitForPreview(page);
  await page.keyboard.press("ArrowLeft");
  await page.waitForURL(`**/photos/${first}`);
  await page.getByRole("button", { name: /^Next photo/ }).click();
  await page.waitForURL(`**/photos/${second}`);
  await page.keyboard.press("i");
  await page.getByRole("complementary", { name: "About this photo" }).getByText("Original stored").waitFor();
  await waitForPreview(page);
  await shoot("11-photo-info");
  const seen = recorder.take().filter(({ url }) => !/\/thumbnail\?size=(64|128|256|512)&/.test(url));
  const standIns = seen.filter(({ kind }) => kind === "thumbnail");
  check(
    standIns.every(({ url }) => url.includes("size=400")),
    "the detail view's stand-in is the 400 px thumbnail",
  );
  const kinds = kindsOf(seen.filter(({ kind }) => kind !== "thumbnail"));
  check(kinds.join() === "preview", "the detail view asks for previews and no original", kinds);
  say("the detail view fetched previews and no original");
  await checkDownload(journey, recorder);

  await page.reload();
  check((await waitForPreview(page)) === second, "a photo's address leads to the photo");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await eventually(
    "closing a photo puts the keyboard on its tile",
    () => page.evaluate(() => document.activeElement?.getAttribute("href") ?? ""),
    (href) => href === `/photos/${second}`,
    SHOWN_MS,
  );
  say("a photo's address can be opened directly, and closing it leads to its tile");
}
