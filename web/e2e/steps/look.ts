/** The look at every width and in both themes (WEB-4). */
import type { Journey } from "../journey.ts";
import { SIZES } from "../support/browser.ts";
import { check } from "../support/check.ts";

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

export async function checkLook(journey: Journey): Promise<void> {
  const { page, say, shoot, settings } = journey;
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
      await page.locator('[data-timeline] a[data-state="ready"]').first().click();
      await page.locator('[role=dialog] [aria-hidden="false"] img[src*="/preview"]').waitFor();
      await page.keyboard.press("i");
      await page.getByRole("complementary", { name: "About this photo" }).getByRole("heading", { level: 3 }).waitFor();
      await page.waitForTimeout(400);
      await checkNoOverflow(journey, `the photo at ${where}`);
      await shoot(`21-photo-${where}`);
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
    }
    say(`timeline and photo fit ${size.width} px in both themes`);
  }
}
