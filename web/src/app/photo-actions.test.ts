import { QueryClient } from "@tanstack/react-query";
import { afterEach, describe, expect, it, vi } from "vitest";

import { HiddenPhotos } from "@/features/timeline";
import { askedOf, stubApi } from "@/shared/testing/api";
import { jsonResponse } from "@/shared/testing/render";
import { Toasts } from "@/shared/ui";

import { readJobsSearch } from "./jobs-search";
import { PhotoActions } from "./photo-actions";

afterEach(() => {
  vi.unstubAllGlobals();
});

function make(answers: Parameters<typeof stubApi>[0]) {
  const calls = stubApi(answers);
  const [client, hidden, toasts] = [new QueryClient(), new HiddenPhotos(), new Toasts()];
  const texts = () => toasts.items().map(({ text }) => text);
  return { calls, hidden, toasts, texts, actions: new PhotoActions({ client, hidden, toasts }) };
}

describe("WEB-5 moving to the trash", () => {
  it("hides the photos before the server has answered, and no longer than until it has told so", async () => {
    let answer: ((value: unknown) => void) | undefined;
    const { actions, hidden, texts } = make({ "POST /api/trash": () => new Promise((resolve) => (answer = resolve)) });
    const moving = actions.trash(["a", "b"]);
    expect([...hidden.ids()]).toEqual(["a", "b"]);
    expect(texts()).toEqual(["2 photos moved to the trash"]);
    const askedAtMs = performance.now();
    expect(hidden.settledBefore(askedAtMs)).toEqual([]);
    await vi.waitFor(() => {
      expect(answer).toBeDefined();
    });
    answer?.({ updated: 2 });
    await moving;
    // What was asked before the server had done it may still tell of the photos.
    expect(hidden.settledBefore(askedAtMs - 1)).toEqual([]);
    expect(hidden.settledBefore(performance.now())).toEqual(["a", "b"]);
    hidden.show(hidden.settledBefore(performance.now()));
    expect(hidden.ids().size).toBe(0);
  });

  it("shows them again when the server refuses, and says why", async () => {
    const { actions, hidden, toasts, texts } = make({
      "DELETE /api/photos/a": () => jsonResponse(503, { detail: "Busy." }),
    });
    await actions.trash(["a"]);
    expect(hidden.ids().size).toBe(0);
    expect(texts()).toEqual(["The photo was not moved to the trash. Busy."]);
    expect(toasts.act()).toBe(false);
  });

  it("can be undone at once: the way back is taken after the way there", async () => {
    let answer: ((value: unknown) => void) | undefined;
    const { actions, calls, hidden, toasts, texts } = make({
      "DELETE /api/photos/a": () => new Promise((resolve) => (answer = resolve)),
      "POST /api/trash/restore": () => ({ updated: 1 }),
    });
    const moving = actions.trash(["a"]);
    toasts.act();
    await vi.waitFor(() => {
      expect(answer).toBeDefined();
    });
    expect(askedOf(calls)).toEqual(["DELETE /api/photos/a"]);
    answer?.(new Response(null, { status: 204 }));
    await moving;
    await vi.waitFor(() => {
      expect(texts()).toEqual(["1 photo is back in your library"]);
    });
    expect(askedOf(calls)).toEqual(["DELETE /api/photos/a", "POST /api/trash/restore"]);
    expect(hidden.ids().size).toBe(0);
  });

  it("asks for ten thousand in parts that the server takes", async () => {
    const { actions, calls } = make({ "POST /api/trash": () => ({ updated: 500 }) });
    const ids = Array.from({ length: 10_000 }, (_, index) => String(index));
    await actions.trash(ids);
    const sent = calls.flatMap(({ body }) => (body as { photoIds: string[] }).photoIds);
    expect(sent).toEqual(ids);
    expect(calls).toHaveLength(2);
  });
});

describe("DWN-2 downloading a selection", () => {
  const archive = { url: "/api/downloads/x?sig=1", filename: "Afterglow.zip", size: 2_000_000, count: 2, missing: [] };
  const clicked = () => {
    const links: string[] = [];
    vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (this: HTMLAnchorElement) {
      links.push(this.getAttribute("href") ?? "");
    });
    return links;
  };

  it("takes one photo as it is", async () => {
    const links = clicked();
    const { actions, calls } = make({});
    await actions.download(["a"]);
    expect(links).toEqual(["/api/photos/a/download?size=original"]);
    expect(calls).toEqual([]);
  });

  it("says what comes, and lets the browser fetch it", async () => {
    const links = clicked();
    const { actions, texts } = make({ "POST /api/downloads": () => jsonResponse(201, archive) });
    expect(await actions.download(["a", "b"])).toBeNull();
    expect(texts()).toEqual(["Downloading Afterglow.zip: 2 originals, 2.0 MB"]);
    expect(links).toEqual(["/api/downloads/x?sig=1"]);
  });

  it("starts nothing unasked when originals are missing", async () => {
    const links = clicked();
    const missing = [{ photoId: "b", filename: "b.jpg", role: "primary", reason: "missing" }];
    const { actions } = make({ "POST /api/downloads": () => jsonResponse(201, { ...archive, missing }) });
    expect((await actions.download(["a", "b"]))?.missing).toHaveLength(1);
    expect(links).toEqual([]);
  });
});

describe("the address of the jobs page", () => {
  it("keeps the filters that there are and nothing else", () => {
    expect(readJobsSearch({ status: "failed", type: "derive", photoId: "p", job: "j", x: 1 })).toEqual({
      status: "failed",
      type: "derive",
      photoId: "p",
      job: "j",
    });
    expect(readJobsSearch({ status: "nonsense", type: 3, photoId: "" })).toEqual({});
  });
});
