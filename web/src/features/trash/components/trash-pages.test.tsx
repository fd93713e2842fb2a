import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, describe, expect, it, vi } from "vitest";

import { Selection } from "@/shared/lib/selection";
import { askedOf, stubApi } from "@/shared/testing/api";
import { photoWith } from "@/shared/testing/photo";
import { jsonResponse, renderWithQueries } from "@/shared/testing/render";
import { Toasts } from "@/shared/ui";

import { RememberedPage } from "./remembered-page";
import { TrashPage } from "./trash-page";

afterEach(() => {
  vi.unstubAllGlobals();
});

const PHOTOS = ["a", "b", "c", "d"].map((id) =>
  photoWith({ id, filename: `${id}.jpg`, deletedAt: new Date().toISOString() }),
);

function showTrash(answers: Parameters<typeof stubApi>[0] = {}) {
  const calls = stubApi({
    "GET /api/trash": () => ({ items: PHOTOS, nextCursor: null, retentionDays: 30 }),
    ...answers,
  });
  const selection = new Selection();
  const toasts = new Toasts();
  const [onRestore, onOpen] = [vi.fn(), vi.fn()];
  const page = <TrashPage selection={selection} toasts={toasts} tabs={null} onRestore={onRestore} onOpen={onOpen} />;
  renderWithQueries(page);
  return { calls, selection, toasts, onRestore, onOpen };
}

describe("TML-3 the trash", () => {
  it("shows the photos with the days that they have left, and restores the picked ones", async () => {
    const { onRestore, selection } = showTrash();
    const user = userEvent.setup();
    await user.click(await screen.findByRole("checkbox", { name: /^a\.jpg.*deleted for ever in 30 days/ }));
    await user.keyboard("{Shift>}");
    await user.click(screen.getByRole("checkbox", { name: /^c\.jpg/ }));
    await user.keyboard("{/Shift}");
    expect(screen.getByText(/photos/, { selector: "[role=status] span" }).parentElement?.textContent).toBe(
      "3 photos selected",
    );
    await userEvent.click(screen.getByRole("button", { name: "Restore" }));
    expect(onRestore).toHaveBeenCalledWith(["a", "b", "c"]);
    expect(selection.state().ids.size).toBe(0);
  });

  it("deletes for ever only after saying how many and that it cannot be undone", async () => {
    const { calls, toasts } = showTrash({ "POST /api/trash/purge": () => ({ purged: 2 }) });
    await userEvent.click(await screen.findByRole("checkbox", { name: /^a\.jpg/ }));
    await userEvent.click(screen.getByRole("checkbox", { name: /^b\.jpg/ }));
    await userEvent.keyboard("{Delete}");
    const dialog = screen.getByRole("alertdialog", { name: "Delete 2 photos for ever?" });
    expect(dialog.textContent).toContain("This cannot be undone.");
    expect(document.activeElement?.textContent).toBe("Cancel");
    expect(askedOf(calls)).not.toContain("POST /api/trash/purge");
    await userEvent.click(within(dialog).getByRole("button", { name: "Delete for ever" }));
    await waitFor(() => {
      expect(toasts.items()[0]?.text).toBe("2 photos deleted for ever.");
    });
    expect(calls.find(({ path }) => path === "/api/trash/purge")?.body).toEqual({ photoIds: ["a", "b"] });
  });

  it("deletes nothing when the answer is no", async () => {
    const { calls, selection } = showTrash();
    await userEvent.click(await screen.findByRole("checkbox", { name: /^a\.jpg/ }));
    await userEvent.click(screen.getByRole("button", { name: "Delete for ever" }));
    await userEvent.click(screen.getByRole("button", { name: "Cancel" }));
    expect(screen.queryByRole("alertdialog")).toBeNull();
    expect([...selection.state().ids]).toEqual(["a"]);
    await userEvent.keyboard("{Escape}");
    expect(selection.state().ids.size).toBe(0);
    expect(askedOf(calls)).toEqual(["GET /api/trash"]);
  });

  it("is emptied of everything in it, also of what is not listed yet", async () => {
    const pages: Record<string, unknown> = {
      "": { items: PHOTOS.slice(0, 2), nextCursor: "2", retentionDays: 30 },
      "2": { items: PHOTOS.slice(2), nextCursor: null, retentionDays: 30 },
    };
    const { calls } = showTrash({
      "GET /api/trash": ({ query }) => pages[query.get("cursor") ?? ""],
      "POST /api/trash/purge": () => ({ purged: 4 }),
    });
    await userEvent.click(await screen.findByRole("button", { name: "Empty trash" }));
    const dialog = await screen.findByRole("alertdialog", { name: "Delete 4 photos for ever?" });
    await userEvent.click(within(dialog).getByRole("button", { name: "Delete for ever" }));
    await waitFor(() => {
      expect(calls.find(({ path }) => path === "/api/trash/purge")?.body).toEqual({ photoIds: ["a", "b", "c", "d"] });
    });
  });

  it("says why it could not be deleted", async () => {
    const { toasts } = showTrash({
      "POST /api/trash/purge": () => jsonResponse(503, { detail: "The disk is away." }),
    });
    await userEvent.click(await screen.findByRole("checkbox", { name: /^a\.jpg/ }));
    await userEvent.click(screen.getByRole("button", { name: "Delete for ever" }));
    await userEvent.click(within(screen.getByRole("alertdialog")).getByRole("button", { name: "Delete for ever" }));
    await waitFor(() => {
      expect(toasts.items()[0]).toMatchObject({ text: "The disk is away.", tone: "danger" });
    });
  });

  it("says that it is empty, or could not be loaded", async () => {
    showTrash({ "GET /api/trash": () => ({ items: [], nextCursor: null, retentionDays: 30 }) });
    expect(await screen.findByText("The trash is empty")).toBeTruthy();
    showTrash({ "GET /api/trash": () => jsonResponse(500, { detail: "Broken." }) });
    expect(await screen.findByText("The trash could not be loaded")).toBeTruthy();
  });
});

describe("SYN-4 the remembered deletions", () => {
  const CHECKSUM = "ab".repeat(32);
  const item = {
    checksum: CHECKSUM,
    filename: "IMG_1.jpg",
    createdAt: "2024-06-30T12:00:00Z",
    allowedAt: null as string | null,
    refusals: [{ name: "IMG_1.jpg", deviceId: null, kind: "upload", lastAt: "2024-06-30T13:00:00Z", count: 2 }],
    refusedCount: 2,
    lastRefusedAt: "2024-06-30T13:00:00Z",
  };

  it("tell who tried to bring a photo back, and allow it", async () => {
    let allowedAt: string | null = null;
    const calls = stubApi({
      "GET /api/tombstones": () => ({ items: [{ ...item, allowedAt }], nextCursor: null }),
      [`DELETE /api/tombstones/${CHECKSUM}`]: () => {
        allowedAt = "2024-06-30T14:00:00Z";
        return new Response(null, { status: 204 });
      },
    });
    const toasts = new Toasts();
    renderWithQueries(<RememberedPage toasts={toasts} tabs={null} />);
    expect(await screen.findByText(/Turned away 2 times, last .* ago: IMG_1\.jpg \(upload, 2×\)/)).toBeTruthy();
    await userEvent.click(screen.getByRole("button", { name: "Allow IMG_1.jpg again" }));
    expect(await screen.findByText(/Allowed: taken at its next upload/)).toBeTruthy();
    expect(toasts.items()[0]?.text).toBe("IMG_1.jpg will be taken the next time that it is uploaded.");
    expect(askedOf(calls)).toContain(`DELETE /api/tombstones/${CHECKSUM}`);
  });

  it("say what they are when there are none", async () => {
    stubApi({ "GET /api/tombstones": () => ({ items: [], nextCursor: null }) });
    renderWithQueries(<RememberedPage toasts={new Toasts()} tabs={null} />);
    expect(await screen.findByText("No deletions are remembered")).toBeTruthy();
  });
});
