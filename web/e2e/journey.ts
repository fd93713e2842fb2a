/**
 * The journey through the real product (WEB-1…WEB-5, DER-4, DWN-2, TML-3, SYN-4, ADM-1): claim, log in, upload, look,
 * pick, download, delete and undo it, delete for ever and allow it again, and look after the server.
 *
 *     AFTERGLOW_URL=http://127.0.0.1:2480 AFTERGLOW_CLAIM_CODE=… AFTERGLOW_PHOTOS=folder AFTERGLOW_SCREENSHOTS=folder \
 *       node e2e/journey.ts
 *
 * The server has to be unclaimed, the folder has to hold more than 20 different JPEGs. Prints one line per statement
 * that holds; exits with 1 and the first one that does not.
 */
import { join } from "node:path";

import { collectComplaints, launch, type Page } from "./support/browser.ts";
import { check } from "./support/check.ts";
import { readSettings, type Settings } from "./support/settings.ts";
import { claim, logIn, logOut, type Person } from "./steps/accounts.ts";
import { checkAdmin } from "./steps/admin.ts";
import { checkLook } from "./steps/look.ts";
import { checkGrid, checkPhoto } from "./steps/photos.ts";
import { checkSelection } from "./steps/selection.ts";
import { checkDeletion, checkTrash } from "./steps/trash.ts";
import { checkDuplicate, dropOne, uploadByField } from "./steps/uploads.ts";

const ADA: Person = { name: "Ada", email: "ada@example.org", password: "correct horse battery staple" };

export interface Journey {
  page: Page;
  settings: Settings;
  person: Person;
  /** Say that a statement holds. */
  say: (statement: string) => void;
  shoot: (name: string) => Promise<void>;
}

async function travel(settings: Settings): Promise<void> {
  const browser = await launch();
  try {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, acceptDownloads: true });
    const page = await context.newPage();
    page.setDefaultTimeout(30_000);
    const complaints = collectComplaints(page);
    const journey: Journey = {
      page,
      settings,
      person: ADA,
      say: (statement) => {
        console.log(`ok  ${statement}`);
      },
      shoot: async (name) => {
        await page.screenshot({ path: join(settings.screenshots, `${name}.png`) });
      },
    };
    try {
      await claim(journey);
      await logOut(journey);
      await logIn(journey);
      await uploadByField(journey);
      await dropOne(journey);
      await checkDuplicate(journey);
      await checkGrid(journey);
      await checkPhoto(journey);
      await checkSelection(journey);
      await checkTrash(journey);
      await checkDeletion(journey);
      await checkAdmin(journey);
      await checkLook(journey);
      check(complaints.length === 0, "the browser's console has no complaints", complaints);
      journey.say("the browser's console has no complaints");
    } catch (error) {
      await journey.shoot("failure").catch(() => undefined);
      console.error(`at ${page.url()}; console: ${JSON.stringify(complaints)}`);
      throw error;
    }
  } finally {
    await browser.close();
  }
}

try {
  await travel(readSettings());
} catch (error) {
  console.error(`FAILED  ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
