import { chromium } from "playwright-core";
const out = "/tmp/webshots/";
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
const errors: string[] = [];
async function page(width: number, height: number, scheme: "dark" | "light", touch = false) {
  const ctx = await browser.newContext({
    viewport: { width, height },
    colorScheme: scheme,
    hasTouch: touch,
    deviceScaleFactor: 1,
  });
  const p = await ctx.newPage();
  p.on("console", (m) => {
    if (m.type() === "error" || m.type() === "warning") errors.push(m.text());
  });
  p.on("pageerror", (e) => errors.push("PAGEERROR " + e.message));
  return p;
}
const A = "http://127.0.0.1:24991",
  B = "http://127.0.0.1:24992";
{
  const p = await page(1440, 900, "dark");
  await p.goto(B + "/");
  await p.waitForSelector("form");
  await p.screenshot({ path: out + "claim.png" });
  await p.getByLabel("Claim code").fill("CLAIM-ME");
  await p.getByLabel("Your name").fill("Ada");
  await p.getByLabel("E-mail").fill("a@b.cc");
  await p.getByLabel("Password").fill("x");
  await p.getByRole("button", { name: "Claim server" }).click();
  await p.waitForSelector("text=Your photos will live here");
  await p.waitForTimeout(300);
  await p.screenshot({ path: out + "empty.png" });
}
for (const [w, h, s] of [
  [1440, 900, "dark"],
  [820, 1100, "light"],
  [360, 740, "dark"],
] as const) {
  const p = await page(w, h, s, w < 400);
  await p.goto(A + "/");
  await p.waitForSelector("form");
  if (w === 360) await p.screenshot({ path: out + `login-${w}.png` });
  await p.getByLabel("E-mail").fill("ada@example.org");
  await p.getByLabel("Password").fill("secret");
  await p.getByRole("button", { name: "Log in" }).click();
  await p.waitForSelector("[data-image=shown]");
  await p.waitForTimeout(2500);
  await p.screenshot({ path: out + `grid-${w}.png` });
  if (w === 1440) {
    for (const d of ["Small", "Large"]) {
      await p.getByRole("button", { name: d + " tiles" }).click();
      await p.waitForTimeout(2500);
      await p.screenshot({ path: out + `grid-${d}.png` });
    }
    await p.getByRole("button", { name: "Medium tiles" }).click();
    await p.evaluate(() => {
      document.querySelector("[data-timeline] > div")!.scrollTop = 5000;
    });
    await p.waitForTimeout(60);
    await p.screenshot({ path: out + `grid-scrolling.png` });
    await p.waitForTimeout(1500);
    await p.keyboard.press("ArrowDown");
    await p.keyboard.press("ArrowRight");
    await p.waitForTimeout(100);
    await p.screenshot({ path: out + `grid-focus.png` });
    await p.keyboard.press("Enter");
  } else await p.locator("[data-timeline] a[data-state=ready]").nth(4).click();
  await p.waitForSelector("[role=dialog]");
  await p.waitForTimeout(1500);
  await p.screenshot({ path: out + `box-${w}.png` });
  await p.keyboard.press("i");
  await p.waitForTimeout(600);
  await p.screenshot({ path: out + `info-${w}.png` });
  await p.keyboard.press("ArrowRight");
  await p.waitForTimeout(800);
  await p.keyboard.press("Escape");
  await p.waitForTimeout(400);
  await p.screenshot({ path: out + `closed-${w}.png` });
  await p.getByRole("button", { name: /Account of/ }).click();
  await p.waitForTimeout(200);
  await p.screenshot({ path: out + `menu-${w}.png` });
  await p.keyboard.press("Escape");
  await p
    .locator("[data-testid=upload-files]")
    .first()
    .setInputFiles([
      { name: "a.txt", mimeType: "text/plain", buffer: Buffer.from("hello") },
      ...Array.from({ length: 12 }, (_, i) => ({
        name: `DSC_${i}.jpg`,
        mimeType: "image/jpeg",
        buffer: Buffer.alloc(300000, (i % 7) + 1),
      })),
    ]);
  await p.waitForTimeout(700);
  await p.screenshot({ path: out + `upload-${w}.png` });
  await p.waitForTimeout(6000);
  await p.screenshot({ path: out + `uploaded-${w}.png` });
  console.log(
    w,
    await p.evaluate(() => [document.documentElement.scrollWidth, innerWidth, document.querySelectorAll("*").length]),
  );
}
console.log([...new Set(errors)]);
await browser.close();
