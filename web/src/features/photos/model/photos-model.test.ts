import { describe, expect, it } from "vitest";

import { photoWith } from "@/shared/testing/photo";

import { factsOf, formatExposure } from "./details";
import { slideOf } from "./slide";
import { isSettled, nameOfStep, reasonOfStep } from "./status";
import { resolveSwipe } from "./swipe";

const linesOf = (...facts: ReturnType<typeof factsOf>) => facts.map(({ title, lines }) => [title, ...lines]);

describe("the facts of a photo", () => {
  it("name date with zone, file, camera and place", () => {
    const photo = photoWith({
      camera: {
        make: "FUJIFILM",
        model: "X-T5",
        lens: "XF 23",
        iso: 200,
        aperture: 5.6,
        exposure: 0.004,
        focalLength: 23,
      },
      place: { latitude: 47.60621, longitude: 9.1, city: "Konstanz", region: null, country: "Germany" },
    });
    expect(linesOf(...factsOf(photo))).toEqual([
      ["Sunday, June 30, 2024", "14:00:00 · UTC+02:00", "from the photo's EXIF data"],
      ["IMG_1.jpg", "4.2 MB · 4000 × 3000 · 12.0 MP", "image/jpeg"],
      ["FUJIFILM X-T5", "ƒ/5.6 · 1/250 s · ISO 200 · 23 mm", "XF 23"],
      ["Konstanz, Germany", "47.60621, 9.10000"],
    ]);
  });

  it("leave out what is not known and say when the zone is not", () => {
    const facts = factsOf(photoWith({ offsetMinutes: null, width: null, height: null }));
    expect(linesOf(...facts)).toEqual([
      ["Sunday, June 30, 2024", "14:00:00 · time zone unknown", "from the photo's EXIF data"],
      ["IMG_1.jpg", "4.2 MB", "image/jpeg"],
    ]);
  });

  it("do not repeat a maker that is in the model's name", () => {
    const camera = {
      make: "Canon",
      model: "Canon EOS 70D",
      lens: null,
      iso: null,
      aperture: null,
      exposure: null,
      focalLength: null,
    };
    expect(factsOf(photoWith({ camera })).at(-1)).toEqual({ icon: "camera", title: "Canon EOS 70D", lines: [] });
  });

  it("write exposures as photographers do", () => {
    expect([1 / 8000, 0.004, 0.5, 2, 30].map(formatExposure)).toEqual(["1/8000 s", "1/250 s", "0.5 s", "2 s", "30 s"]);
  });
});

describe("the status of a photo", () => {
  it("is settled when nothing more happens by itself", () => {
    expect(isSettled(photoWith())).toBe(true);
    expect(isSettled(photoWith({ status: "PROCESSING", isProcessing: true }))).toBe(false);
    expect(isSettled(photoWith({ status: "FAILED" }))).toBe(true);
  });

  it("names steps that it does not know, and gives reasons in words", () => {
    expect(nameOfStep("new_step")).toBe("New step");
    const step = photoWith().steps[0]!;
    expect(reasonOfStep(step)).toBeNull();
    expect(reasonOfStep({ ...step, state: "skipped", reason: "format.unsupported" })).toContain("original is kept");
    expect(reasonOfStep({ ...step, state: "failed", error: "Broken." })).toBe("Broken.");
  });

  it("decides what the lightbox shows", () => {
    expect(slideOf(undefined)).toBeNull();
    expect(slideOf(photoWith())?.state).toBe("ready");
    expect(slideOf(photoWith({ v: 0, isProcessing: true }))?.state).toBe("processing");
    expect(slideOf(photoWith({ v: 0, ratio: null }))).toMatchObject({ state: "failed", ratio: 1 });
  });
});

describe("a swipe", () => {
  it.each([
    [{ dx: -300, dy: 10, elapsedMs: 900 }, "next"],
    [{ dx: 300, dy: 10, elapsedMs: 900 }, "previous"],
    [{ dx: -40, dy: 4, elapsedMs: 60 }, "next"],
    [{ dx: -40, dy: 4, elapsedMs: 900 }, "stay"],
    [{ dx: 10, dy: 160, elapsedMs: 300 }, "close"],
    [{ dx: 10, dy: -160, elapsedMs: 300 }, "stay"],
    [{ dx: 0, dy: 0, elapsedMs: 0 }, "stay"],
  ])("%j means %s", (drag, result) => {
    expect(resolveSwipe(drag, 1000)).toBe(result);
  });
});
