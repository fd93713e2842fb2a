/** Looking after the server. */
import type { Journey } from "../journey.ts";
import { check, eventually } from "../support/check.ts";

export async function checkAdmin({ page, say, shoot }: Journey): Promise<void> {
  await page.getByRole("link", { name: "Admin" }).click();
  await page.getByText("Everything is well").waitFor();
  await page
    .getByRole("button", { name: /^Pause/ })
    .first()
    .click();
  await page.getByRole("button", { name: /^Resume/ }).waitFor();
  await page.getByRole("button", { name: /^Resume/ }).click();
  await page.getByRole("button", { name: /^Resume/ }).waitFor({ state: "detached" });
  await shoot("18-admin");
  say("the admin page shows the queues, pauses one and resumes it");

  await page.getByRole("link", { name: "Jobs" }).click();
  const details = page.getByRole("button", { name: /^Details of/ });
  await details.first().waitFor();
  const all = await details.count();
  check(all > 20, "the jobs of the uploaded photos are listed", all);
  await page.getByLabel("Queue").selectOption("derive");
  await page.waitForURL("**/admin/jobs?*type=derive*");
  await eventually(
    "only jobs of the chosen queue are listed",
    () => details.allTextContents(),
    (names) => names.length > 0 && names.every((name) => name === "Derive"),
    30_000,
  );
  await details.first().click();
  await page.getByRole("dialog").getByText("Algorithm").waitFor();
  await shoot("19-job");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.getByRole("link", { name: "Schedules" }).click();
  await page.getByRole("rowheader").first().waitFor();
  say("jobs are found by their queue and looked into, and the schedules are told");
}
