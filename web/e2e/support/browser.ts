/** Debian's Chromium, driven by playwright-core; nothing is downloaded. */
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

const EXECUTABLE = process.env["AFTERGLOW_CHROMIUM"] ?? "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** playwright-core makes a fresh user data folder for each launch and removes it afterwards. */
export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: EXECUTABLE, headless: true, args: FLAGS });
}

export interface Size {
  width: number;
  height: number;
}

/** Widths that every page has to work at: a small phone, a tablet, a laptop. */
export const SIZES: readonly Size[] = [
  { width: 360, height: 740 },
  { width: 820, height: 1100 },
  { width: 1440, height: 900 },
];

/** Everything that the page said to its console that it should not have. */
export function collectComplaints(page: Page): string[] {
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
  page.on("console", (message) => {
    // A refused request is logged by the browser although the client expects it: 401 before the login, for one.
    const isExpected = message.text().startsWith("Failed to load resource");
    if (message.type() === "error" && !isExpected) complaints.push(message.text());
  });
  return complaints;
}

export type { Browser, BrowserContext, Page };
