import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { ApiError, type Photo } from "@/shared/api";
import { photoWith } from "@/shared/testing/photo";

import { UploadManager } from "./manager";
import type { FoundFile } from "./model/selection";
import { Tracker } from "./tracker";
import type { Transfer, TransferResult } from "./transfer";

const files = (count: number): FoundFile[] =>
  Array.from({ length: count }, (_, index) => ({ file: new File(["x"], `${index}.jpg`), folder: "" }));

function makeManager(transfer: (transfer: Transfer) => Promise<TransferResult>) {
  const watched: ((photo: Photo) => boolean)[] = [];
  const onPhotosChanged = vi.fn();
  const manager = new UploadManager({
    hasher: { hash: () => Promise.resolve("abc") },
    tracker: { watch: (_, onPhoto) => watched.push(onPhoto) },
    transfer,
    onPhotosChanged,
  });
  const phases = () => manager.items().map(({ phase }) => phase);
  const settle = () => vi.advanceTimersByTimeAsync(2_000);
  return { manager, watched, onPhotosChanged, phases, settle };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("WEB-2 the upload manager", () => {
  it("follows a file from waiting to stored", async () => {
    const { manager, watched, phases, settle, onPhotosChanged } = makeManager(() =>
      Promise.resolve({ kind: "uploaded", photoId: "p" }),
    );
    manager.add(files(1));
    await settle();
    expect(phases()).toEqual(["processing"]);
    expect(onPhotosChanged).toHaveBeenCalled();
    expect(watched[0]!(photoWith({ status: "PROCESSING", isProcessing: true, v: 0 }))).toBe(false);
    expect(watched[0]!(photoWith({ status: "STORED" }))).toBe(true);
    await settle();
    expect(phases()).toEqual(["stored"]);
  });

  it("sends three files at a time and all in the end", async () => {
    let running = 0;
    let most = 0;
    const { manager, phases, settle } = makeManager(async () => {
      most = Math.max(most, (running += 1));
      await new Promise((resolve) => setTimeout(resolve, 100));
      running -= 1;
      return { kind: "duplicate", photoId: "p" };
    });
    manager.add(files(20));
    await settle();
    expect(most).toBe(3);
    expect(phases()).toEqual(Array.from({ length: 20 }, () => "duplicate"));
  });

  it("says why a file failed, goes on with the others, and tries again when asked", async () => {
    let isAway = true;
    const { manager, phases, settle } = makeManager(({ file }) =>
      isAway && file.name === "1.jpg"
        ? Promise.reject(new ApiError(415, "ingest.type", "Not a photo."))
        : Promise.resolve({ kind: "duplicate", photoId: "p" }),
    );
    manager.add(files(3));
    await settle();
    expect(phases()).toEqual(["duplicate", "failed", "duplicate"]);
    expect(manager.items()[1]?.note).toBe("Not a photo.");
    isAway = false;
    manager.retryFailed();
    await settle();
    expect(phases()).toEqual(["duplicate", "duplicate", "duplicate"]);
  });

  it("keeps a photo that cannot be displayed, and says so", async () => {
    const { manager, watched, settle } = makeManager(() => Promise.resolve({ kind: "uploaded", photoId: "p" }));
    manager.add(files(2));
    await settle();
    const steps = photoWith().steps.map((step) => ({ ...step, state: "failed" as const, error: "It ends too early." }));
    expect(watched[0]!(photoWith({ status: "FAILED", steps, v: 0 }))).toBe(true);
    expect(watched[1]!(photoWith({ status: "STORED", v: 0 }))).toBe(true);
    await settle();
    expect(manager.items().map(({ phase, note }) => [phase, note])).toEqual([
      ["kept", "It ends too early."],
      ["kept", "Afterglow does not know this format yet."],
    ]);
  });

  it("forgets what is cancelled, and only what is not at the server yet", async () => {
    const aborted: string[] = [];
    const { manager, phases, settle } = makeManager(
      ({ file, signal }) =>
        new Promise((resolve, reject) => {
          if (file.name === "0.jpg") resolve({ kind: "duplicate", photoId: "p" });
          signal.addEventListener("abort", () => {
            aborted.push(file.name);
            reject(new DOMException("", "AbortError"));
          });
        }),
    );
    manager.add(files(6));
    await settle();
    expect(manager.isBusy).toBe(true);
    manager.cancelAll();
    await settle();
    expect(phases()).toEqual(["duplicate"]);
    expect(aborted).toEqual(["1.jpg", "2.jpg", "3.jpg"]);
    expect(manager.isBusy).toBe(false);
    manager.clearEnded();
    await settle();
    expect(phases()).toEqual([]);
  });
});

describe("the tracker", () => {
  it("asks about a few photos at a time, until each is done, and bears failures", async () => {
    let asking = 0;
    let most = 0;
    const asked = new Map<string, number>();
    const tracker = new Tracker(async (photoId) => {
      most = Math.max(most, (asking += 1));
      await Promise.resolve();
      asking -= 1;
      const times = (asked.get(photoId) ?? 0) + 1;
      asked.set(photoId, times);
      if (times === 1) throw new ApiError(503, "x", "busy");
      return photoWith({ id: photoId });
    });
    const done: string[] = [];
    for (let index = 0; index < 30; index += 1) {
      tracker.watch(`p${index}`, ({ id }) => {
        done.push(id);
        return true;
      });
    }
    await vi.advanceTimersByTimeAsync(60_000);
    expect(new Set(done).size).toBe(30);
    expect(done).toHaveLength(30);
    expect(most).toBeLessThanOrEqual(8);
    tracker.stop();
  });
});
