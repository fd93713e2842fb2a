import { act, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { describe, expect, it, vi } from "vitest";

import { UploadManager } from "../manager";
import { UploadButton } from "./upload-button";
import { UploadsHost } from "./uploads-host";

const onVisit = vi.fn();

function show(transfer: ConstructorParameters<typeof UploadManager>[0]["transfer"]) {
  const manager = new UploadManager({
    hasher: { hash: () => Promise.resolve("abc") },
    tracker: { watch: vi.fn() },
    ...(transfer === undefined ? {} : { transfer }),
    onPhotosChanged: vi.fn(),
  });
  render(
    <UploadsHost manager={manager} onVisit={onVisit}>
      <UploadButton />
    </UploadsHost>,
  );
  return manager;
}

const jpeg = (name: string) => new File(["x"], name, { type: "image/jpeg" });

describe("WEB-2 the upload panel", () => {
  it("is not there while there is nothing to tell", () => {
    show(() => Promise.resolve({ kind: "duplicate", photoId: "p" }));
    expect(screen.queryByRole("region", { name: "Uploads" })).toBeNull();
  });

  it("accounts for chosen files and goes away when it is closed", async () => {
    show(() => Promise.resolve({ kind: "duplicate", photoId: "p" }));
    await userEvent.upload(screen.getByTestId("upload-files"), [jpeg("a.jpg"), jpeg("b.jpg")]);
    expect(await screen.findByText("2 already in your library")).toBeTruthy();
    await userEvent.click(screen.getByRole("button", { name: "Close uploads" }));
    await vi.waitFor(() => {
      expect(screen.queryByRole("region", { name: "Uploads" })).toBeNull();
    });
  });

  it("says that a file was not taken because it was deleted, and leads to where that is told", async () => {
    const reasons = { "a.jpg": "tombstoned", "b.jpg": "in-trash" } as const;
    show(({ file }) => Promise.resolve({ kind: "declined", reason: reasons[file.name as keyof typeof reasons] }));
    await userEvent.upload(screen.getByTestId("upload-files"), [jpeg("a.jpg"), jpeg("b.jpg")]);
    expect(await screen.findByText("2 not taken")).toBeTruthy();
    expect(screen.getByText("Not taken: you deleted it for ever")).toBeTruthy();
    await userEvent.click(screen.getByRole("button", { name: "Remembered deletions" }));
    await userEvent.click(screen.getByRole("button", { name: "Open the trash" }));
    expect(onVisit.mock.calls).toEqual([["remembered"], ["trash"]]);
  });

  it("takes files that are dropped anywhere", async () => {
    show(() => Promise.resolve({ kind: "duplicate", photoId: "p" }));
    const drop = new Event("drop", { bubbles: true, cancelable: true });
    Object.assign(drop, { dataTransfer: { types: ["Files"], items: [], files: [jpeg("dropped.jpg")] } });
    act(() => {
      document.body.dispatchEvent(drop);
    });
    expect(await screen.findByText("dropped.jpg")).toBeTruthy();
    expect(drop.defaultPrevented).toBe(true);
  });

  it("says why a file failed and retries it", async () => {
    let isAway = true;
    show(() =>
      isAway ? Promise.reject(new Error("The line is down.")) : Promise.resolve({ kind: "duplicate", photoId: "p" }),
    );
    await userEvent.upload(screen.getByTestId("upload-files"), [jpeg("a.jpg")]);
    expect(await screen.findByText("The line is down.")).toBeTruthy();
    isAway = false;
    await userEvent.click(screen.getByRole("button", { name: "Retry a.jpg" }));
    expect(await screen.findByText("1 already in your library")).toBeTruthy();
  });
});
