/** Photos into the library. */
import type { Journey } from "../journey.ts";
import { check, eventually } from "../support/check.ts";
import { FIELD_FILES } from "../support/settings.ts";

/** Generous, because the server may share two slow cores with everything else. */
const PROCESSED_MS = 180_000;

export async function photoCount(journey: Journey): Promise<number> {
  const timeline = await journey.page.evaluate(async () => {
    const answer = await fetch("/api/timeline");
    return (await answer.json()) as { months: { count: number }[] };
  });
  return timeline.months.reduce((sum, { count }) => sum + count, 0);
}

export async function waitForEnd(journey: Journey, account: RegExp): Promise<void> {
  const panel = journey.page.getByRole("region", { name: "Uploads" });
  await eventually(
    `the upload panel accounts for all files as ${account}`,
    async () => (await panel.getByRole("status").textContent()) ?? "",
    (text) => account.test(text) && !/Uploading|Processing/.test(text),
    PROCESSED_MS,
  );
}

export async function closePanel({ page }: Journey): Promise<void> {
  await page.getByRole("button", { name: "Close uploads" }).click();
  await page.getByRole("region", { name: "Uploads" }).waitFor({ state: "detached" });
}

export async function uploadByField(journey: Journey): Promise<void> {
  const { page, settings, say, shoot } = journey;
  const files = settings.samples.slice(0, FIELD_FILES).map(({ path }) => path);
  await page.getByTestId("upload-files").first().setInputFiles(files);
  await page.getByRole("region", { name: "Uploads" }).waitFor();
  await page.getByTestId("upload-row").first().waitFor();
  await shoot("04-uploading");
  await waitForEnd(journey, new RegExp(`${FIELD_FILES} stored`));
  await shoot("05-uploaded");
  check((await photoCount(journey)) === FIELD_FILES, "the timeline counts the uploaded photos");
  await closePanel(journey);
  say(`${FIELD_FILES} photos are uploaded by the file field, processed and stored`);
}

export async function dropOne(journey: Journey): Promise<void> {
  const { page, settings, say, shoot } = journey;
  const sample = settings.samples[FIELD_FILES];
  check(sample !== undefined, "there is one more photo to drop");
  const transfer = await page.evaluateHandle(
    ({ base64, name }) => {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      const made = new DataTransfer();
      made.items.add(new File([bytes], name, { type: "image/jpeg" }));
      return made;
    },
    { base64: sample.bytes.toString("base64"), name: sample.name },
  );
  await page.dispatchEvent("body", "dragenter", { dataTransfer: transfer });
  await page.getByText("Drop to add to your library").waitFor();
  await shoot("06-dragging");
  await page.dispatchEvent("body", "drop", { dataTransfer: transfer });
  await waitForEnd(journey, /1 stored/);
  check((await photoCount(journey)) === FIELD_FILES + 1, "the timeline counts the dropped photo");
  await closePanel(journey);
  say("a dropped photo is uploaded, processed and stored");
}

export async function checkDuplicate(journey: Journey): Promise<void> {
  const { page, settings, say, shoot } = journey;
  const sent: string[] = [];
  const note = (request: { url(): string }) => {
    if (request.url().includes("/chunks")) sent.push(request.url());
  };
  page.on("request", note);
  await page
    .getByTestId("upload-files")
    .first()
    .setInputFiles(settings.samples[0]?.path ?? "");
  await waitForEnd(journey, /1 already in your library/);
  page.off("request", note);
  await shoot("07-duplicate");
  check(sent.length === 0, "not a byte of a known photo is sent", sent);
  check((await photoCount(journey)) === FIELD_FILES + 1, "a duplicate adds no photo");
  await closePanel(journey);
  say("a file that the library has is said to be there, and not a byte of it is sent");
}
