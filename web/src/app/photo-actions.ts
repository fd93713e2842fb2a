/**
 * What is done to photos from more than one place: trash, restore, download. Outside of React, so that it goes on when
 * the page that asked for it is gone. Removing shows at once; the server follows, and what it refuses comes back.
 */
import type { QueryClient } from "@tanstack/react-query";

import { downloadOriginal, downloadText, packPhotos, startDownload } from "@/features/downloads";
import { type HiddenPhotos, invalidateTimeline } from "@/features/timeline";
import { dropFromTrash, invalidateTrash, moveToTrash, restoreFromTrash } from "@/features/trash";
import { type Download, explain } from "@/shared/api";
import { plural } from "@/shared/lib/format";
import type { Toasts } from "@/shared/ui";

interface PhotoActionsDependencies {
  client: QueryClient;
  hidden: HiddenPhotos;
  toasts: Toasts;
}

export class PhotoActions {
  private readonly client: QueryClient;
  private readonly hidden: HiddenPhotos;
  private readonly toasts: Toasts;

  constructor({ client, hidden, toasts }: PhotoActionsDependencies) {
    this.client = client;
    this.hidden = hidden;
    this.toasts = toasts;
  }

  /** Move photos to the trash, and offer to take it back. */
  async trash(photoIds: readonly string[]): Promise<void> {
    if (photoIds.length === 0) return;
    this.hidden.hide(photoIds);
    const moved = moveToTrash(photoIds);
    // The way back waits for the way there: in the other order the photos would end in the trash.
    const undo = () => void moved.then(() => this.restore(photoIds)).catch(() => undefined);
    const said = this.toasts.show(`${plural(photoIds.length, "photo")} moved to the trash`, {
      action: { label: "Undo", run: undo },
    });
    try {
      await moved;
      this.hidden.settle(photoIds);
    } catch (error) {
      this.hidden.show(photoIds);
      this.toasts.dismiss(said);
      const what = photoIds.length === 1 ? "The photo was not" : "Not all photos were";
      this.toasts.show(`${what} moved to the trash. ${explain(error)}`, { tone: "danger" });
    }
    await this.refresh();
  }

  /** Bring photos back from the trash. */
  async restore(photoIds: readonly string[]): Promise<void> {
    if (photoIds.length === 0) return;
    this.hidden.show(photoIds);
    dropFromTrash(this.client, photoIds);
    try {
      const count = await restoreFromTrash(photoIds);
      if (count === 0) this.toasts.show("Nothing was left to restore", { tone: "warning" });
      else this.toasts.show(`${plural(count, "photo")} ${count === 1 ? "is" : "are"} back in your library`);
    } catch (error) {
      this.toasts.show(`The photos are still in the trash. ${explain(error)}`, { tone: "danger" });
    }
    await this.refresh();
  }

  /**
   * Download originals: one as it is, several as an archive. Returns the archive without starting it when originals
   * are missing: the person decides.
   */
  async download(photoIds: readonly string[]): Promise<Download | null> {
    const [first] = photoIds;
    if (first === undefined) return null;
    if (photoIds.length === 1) {
      downloadOriginal(first);
      return null;
    }
    try {
      const download = await packPhotos(photoIds);
      if (download.missing.length > 0) return download;
      this.startArchive(download);
    } catch (error) {
      this.toasts.show(`The download could not be prepared. ${explain(error)}`, { tone: "danger" });
    }
    return null;
  }

  startArchive(download: Download): void {
    this.toasts.show(downloadText(download));
    startDownload(download.url, download.filename);
  }

  private async refresh(): Promise<void> {
    await Promise.all([invalidateTimeline(this.client), invalidateTrash(this.client)]);
  }
}
