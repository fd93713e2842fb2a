import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { photoWith } from "@/shared/testing/photo";
import { jsonResponse, renderWithQueries } from "@/shared/testing/render";

import type { SlidePhoto } from "../model/slide";
import { Lightbox } from "./lightbox";

const slide = (id: string): SlidePhoto => ({ id, v: 3, ratio: 1.5, isVideo: false, state: "ready" });

function open(change: Parameters<typeof photoWith>[0] = {}) {
  vi.stubGlobal("fetch", () => Promise.resolve(jsonResponse(200, photoWith({ id: "b", v: 3, ...change }))));
  const onGo = vi.fn();
  const onTrash = vi.fn();
  const onClose = vi.fn();
  renderWithQueries(
    <Lightbox
      photoId="b"
      current={slide("b")}
      previous={slide("a")}
      next={slide("c")}
      onGo={onGo}
      onTrash={onTrash}
      onClose={onClose}
    />,
  );
  return { onGo, onTrash, onClose };
}

beforeEach(() => {
  // jsdom has no pointer capture.
  HTMLElement.prototype.setPointerCapture = vi.fn();
});
afterEach(() => {
  vi.unstubAllGlobals();
});

describe("DER-4 the lightbox", () => {
  it("shows previews with thumbnails in their place, and never an original", async () => {
    open();
    await screen.findByText("IMG_1.jpg");
    const sources = [...document.querySelectorAll("img")].map((image) => image.getAttribute("src"));
    expect(sources).toHaveLength(6);
    for (const source of sources) expect(source).toMatch(/^\/api\/photos\/[abc]\/(preview\?|thumbnail\?size=400&)v=3$/);
  });

  it("offers the original as a download", async () => {
    open();
    const link = screen.getByRole("link", { name: "Download original" });
    await screen.findByText("IMG_1.jpg");
    expect(link.getAttribute("href")).toBe("/api/photos/b/download?size=original");
    expect(link.getAttribute("download")).toBe("IMG_1.jpg");
  });

  it("goes on by keys and buttons, and closes by Escape", async () => {
    const { onGo, onClose } = open();
    await userEvent.keyboard("{ArrowRight}{ArrowLeft}");
    await userEvent.click(screen.getByRole("button", { name: /Next photo/ }));
    expect(onGo.mock.calls).toEqual([["c"], ["a"], ["c"]]);
    await userEvent.keyboard("{Escape}");
    expect(onClose).toHaveBeenCalledOnce();
  });

  it("moves the photo to the trash by key and button, where it may", async () => {
    const { onTrash } = open();
    await screen.findByText("IMG_1.jpg");
    await userEvent.keyboard("{Delete}");
    await userEvent.click(screen.getByRole("button", { name: "Move to the trash (Delete)" }));
    expect(onTrash).toHaveBeenCalledTimes(2);
  });

  it("tells everything that is known when asked", async () => {
    open();
    await screen.findByText("IMG_1.jpg");
    await userEvent.keyboard("i");
    const panel = await screen.findByRole("complementary", { name: "About this photo" });
    expect(panel.textContent).toContain("Original stored and verified");
    expect(panel.textContent).toContain("Thumbnails and preview done");
    await userEvent.keyboard("i");
    expect(screen.queryByRole("complementary")).toBeNull();
  });

  it("says that a file cannot be displayed", async () => {
    open({ v: 0, status: "FAILED" });
    expect(await screen.findByText(/cannot be displayed/)).toBeTruthy();
  });
});
