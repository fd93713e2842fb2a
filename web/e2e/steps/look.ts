/** The look at every width and in both themes (WEB-4). */
import type { Journey } from "../journey.ts";
import { SIZES } from "../support/browser.ts";
import { check } from "../support/check.ts";
import { shownIds } from "../support/tiles.ts";
import { selectionBar, waitForCount } from "./selection.ts";

const THEMES = ["dark", "light"] as const;
const BACKGROUNDS = { dark: "rgb(10, 10, 10)", light: "rgb(246, 247, 249)" } as const;

async function checkNoOverflow({ page }: Journey, where: string): Promise<void> {
  const [content, view] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth] as const);
  check(content <= view, `${where} fits into the width`, { content, view });
}

async function chooseTheme({ page }: Journey, theme: (typeof THEMES)[number]): Promise<void> {
  await page.getByRole("button", { name: /^Account of/ }).click();
  await page.getByRole("menuitemradio", { name: theme === "dark" ? "Dark" : "Light" }).click();
  await page.keyboard.press("Escape");
  const colour = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  check(colour === BACKGROUNDS[theme], `the ${theme} theme has its background`, colour);
}

/** Pages besides the timeline, with what says that they are there. */
const PAGES = [
  { name: "trash", path: "/trash", sign: "Empty trash" },
  { name: "remembered", path: "/trash/remembered", sign: "No deletions are remembered" },
  { name: "admin", path: "/admin", sign: "Everything is well" },
  { name: "jobs", path: "/admin/jobs", sign: "Photo id" },
  { name: "schedules", path: "/admin/schedules", sign: "Evict derivatives" },
] as const;

/** Put photos into the trash, so that there is something to see. */
async function fillTrash({ page }: Journey): Promise<void> {
  const photoIds = (await shownIds(page)).slice(-4);
  const status = await page.evaluate(async (ids) => {
    const headers = { "Content-Type": "application/json", "X-Afterglow-Client": "web" };
    const answer = await fetch("/api/trash", { method: "POST", headers, body: JSON.stringify({ photoIds: ids }) });
    return answer.status;
  }, photoIds);
  check(status === 200, "photos are moved to the trash", status);
}

async function checkSelected(journey: Journey, where: string): Promise<void> {
  const { page, shoot } = journey;
  await page.getByRole("button", { name: "Select photos" }).click();
  await page.locator('[data-timeline] a[data-state="ready"]:not([hidden])').nth(1).click();
  await waitForCount(page, 1);
  await checkNoOverflow(journey, `the selection at ${where}`);
  await page.waitForTimeout(200);
  await shoot(`22-selected-${where}`);
  await page.keyboard.press("Escape");
  await selectionBar(page).waitFor({ state: "detached" });
}

async function checkPages(journey: Journey, where: string): Promise<void> {
  const { page, settings, shoot } = journey;
  for (const { name, path, sign } of PAGES) {
    await page.goto(new URL(path, settings.url).href);
    await page.getByText(sign).first().waitFor();
    await checkNoOverflow(journey, `${path} at ${where}`);
    await page.waitForTimeout(300);
    await shoot(`23-${name}-${where}`);
  }
}

export async function checkLook(journey: Journey): Promise<void> {
  const { page, say, shoot, settings } = journey;
  await page.goto(settings.url);
  await page.locator('[data-timeline] a[data-image="shown"]').first().waitFor();
  await fillTrash(journey);
  for (const size of SIZES) {
    await page.setViewportSize(size);
    for (const theme of THEMES) {
      const where = `${theme}-${size.width}`;
      await page.goto(settings.url);
      await page.locator('[data-timeline] a[data-image="shown"]').first().waitFor();
      await chooseTheme(journey, theme);
      await checkNoOverflow(journey, `the timeline at ${where}`);
      await page.waitForTimeout(500);
      await shoot(`20-timeline-${where}`);
      await checkSelected(journey, where);
      await page.locator('[data-timeline] a[data-state="ready"]:not([hidden])').first().click();
      await page.locator('[role=dialog] [aria-hidden="false"] img[src*="/preview"]').waitFor();
      await page.keyboard.press("i");
      await page.getByRole("complementary", { name: "About this photo" }).getByRole("heading", { level: 3 }).waitFor();
      await page.waitForTimeout(400);
      await checkNoOverflow(journey, `the photo at ${where}`);
      await shoot(`21-photo-${where}`);
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
      await checkPages(journey, where);
    }
    say(`all pages fit ${size.width} px in both themes`);
  }
}
