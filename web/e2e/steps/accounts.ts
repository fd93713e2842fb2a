/** Into the product and out of it. */
import type { Journey } from "../journey.ts";
import { check } from "../support/check.ts";

export interface Person {
  name: string;
  email: string;
  password: string;
}

export async function claim({ page, settings, person, say, shoot }: Journey): Promise<void> {
  await page.goto(settings.url);
  await page.waitForURL("**/claim");
  await page.getByLabel("Claim code").fill("this-is-not-the-code");
  await page.getByLabel("Your name").fill(person.name);
  await page.getByLabel("E-mail").fill(person.email);
  await page.getByLabel("Password").fill(person.password);
  await page.getByRole("button", { name: "Claim server" }).click();
  await page.getByRole("alert").waitFor();
  await shoot("01-claim-refused");
  say("a wrong claim code is refused with a reason");
  await page.getByLabel("Claim code").fill(settings.claimCode);
  await page.getByRole("button", { name: "Claim server" }).click();
  await page.getByText("Your photos will live here").waitFor();
  await shoot("02-empty");
  say("the first person claims the server and sees an empty library");
}

export async function logOut({ page, say }: Journey): Promise<void> {
  await page.getByRole("button", { name: /^Account of/ }).click();
  await page.getByRole("menuitem", { name: "Log out" }).click();
  await page.waitForURL("**/login*");
  const status = await page.evaluate(async () => (await fetch("/api/timeline")).status);
  check(status === 401, "after logging out the server answers 401", status);
  say("logging out ends the session at the server too");
}

export async function logIn({ page, person, say, shoot }: Journey): Promise<void> {
  await page.getByLabel("E-mail").fill(person.email);
  await page.getByLabel("Password").fill("not the password");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("alert").waitFor();
  await shoot("03-login-refused");
  await page.getByLabel("Password").fill(person.password);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByText("Your photos will live here").waitFor();
  const stored = await page.evaluate(() =>
    JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage), document.cookie]),
  );
  check(!/eyJ|token/i.test(stored), "scripts can read no token", stored);
  say("a wrong password is refused, the right one logs in, and scripts can read no token");
}
