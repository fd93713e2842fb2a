/**
 * The uploads of this page: a queue of files, a few of them on their way at a time.
 *
 * It lives outside React, which only reads snapshots: an upload goes on whatever page is shown.
 */
import { explain, type Photo } from "@/shared/api";

import { type Hasher, WorkerHasher } from "./hashing/hasher";
import { isEnded, isTransferring, type UploadItem } from "./model/item";
import type { FoundFile } from "./model/selection";
import { Tracker } from "./tracker";
import { transferFile } from "./transfer";

/** More at a time would only divide the same line; fewer would leave it idle between requests. */
const PARALLEL_FILES = 3;
/** Snapshots are made at most this often: a row per progress event would keep the page busy. */
const EMIT_MS = 120;
/** Other pages are told about new photos at most this often. */
const ANNOUNCE_MS = 1_500;

const NO_PICTURE = "Afterglow does not know this format yet.";

export interface UploadDependencies {
  hasher?: Hasher;
  transfer?: typeof transferFile;
  tracker?: Pick<Tracker, "watch">;
  /** Photos came, or became displayable. */
  onPhotosChanged: () => void;
}

interface Entry {
  item: UploadItem;
  file: File;
  abort: AbortController;
}

export class UploadManager {
  private readonly hasher: Hasher;
  private readonly transfer: typeof transferFile;
  private readonly tracker: Pick<Tracker, "watch">;
  private readonly onPhotosChanged: () => void;
  private readonly entries = new Map<number, Entry>();
  private readonly listeners = new Set<() => void>();
  private snapshot: readonly UploadItem[] = [];
  private emitTimer: ReturnType<typeof setTimeout> | undefined;
  private announceTimer: ReturnType<typeof setTimeout> | undefined;
  private running = 0;
  private lastId = 0;

  constructor({ hasher, transfer, tracker, onPhotosChanged }: UploadDependencies) {
    this.hasher = hasher ?? new WorkerHasher();
    this.transfer = transfer ?? transferFile;
    this.tracker = tracker ?? new Tracker();
    this.onPhotosChanged = onPhotosChanged;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly items = (): readonly UploadItem[] => this.snapshot;

  get isBusy(): boolean {
    return [...this.entries.values()].some(({ item }) => isTransferring(item));
  }

  add(files: readonly FoundFile[]): void {
    for (const { file, folder } of files) {
      this.lastId += 1;
      const item: UploadItem = {
        id: this.lastId,
        name: file.name,
        folder,
        sizeBytes: file.size,
        phase: "waiting",
        sentBytes: 0,
        photoId: null,
        isProcessed: false,
        note: null,
        declined: null,
        failedAt: null,
      };
      this.entries.set(item.id, { item, file, abort: new AbortController() });
    }
    this.emit();
    this.startNext();
  }

  /** Begin again with the files that failed. */
  retryFailed(): void {
    for (const [id, { item }] of this.entries) if (item.phase === "failed") this.retry(id);
  }

  retry(id: number): void {
    const entry = this.entries.get(id);
    if (entry?.item.phase !== "failed") return;
    entry.abort = new AbortController();
    this.update(entry, { phase: "waiting", note: null, failedAt: null, sentBytes: 0, isProcessed: false });
    this.startNext();
  }

  /** Stop everything that is not at the server yet, and forget it. */
  cancelAll(): void {
    for (const [id, { item, abort }] of this.entries) {
      if (!isTransferring(item)) continue;
      abort.abort();
      this.entries.delete(id);
    }
    this.emit();
  }

  /** Forget the files that came to an end. */
  clearEnded(): void {
    for (const [id, { item }] of this.entries) if (isEnded(item)) this.entries.delete(id);
    this.emit();
  }

  private startNext(): void {
    for (const entry of this.entries.values()) {
      if (this.running >= PARALLEL_FILES) return;
      if (entry.item.phase === "waiting") void this.run(entry);
    }
  }

  private async run(entry: Entry): Promise<void> {
    this.running += 1;
    try {
      await this.upload(entry);
    } catch (error) {
      if (!entry.abort.signal.aborted) {
        const failedAt = entry.item.phase === "finishing" ? "ingest" : "upload";
        this.update(entry, { phase: "failed", note: explain(error), failedAt });
      }
    } finally {
      this.running -= 1;
      this.startNext();
    }
  }

  private async upload(entry: Entry): Promise<void> {
    this.update(entry, { phase: "hashing" });
    const checksum = await this.hasher.hash(entry.file);
    entry.abort.signal.throwIfAborted();
    this.update(entry, { phase: "uploading" });
    const result = await this.transfer({
      file: entry.file,
      checksum,
      signal: entry.abort.signal,
      onSent: (sentBytes) => {
        this.update(entry, { sentBytes });
      },
      onFinishing: () => {
        this.update(entry, { phase: "finishing", note: null });
      },
      onTrouble: (note) => {
        this.update(entry, { note });
      },
    });
    if (result.kind === "declined") this.update(entry, { phase: "declined", declined: result.reason });
    else if (result.kind === "duplicate") this.update(entry, { phase: "duplicate", photoId: result.photoId });
    else this.follow(entry, result.photoId);
  }

  private follow(entry: Entry, photoId: string): void {
    this.update(entry, { phase: "processing", photoId, sentBytes: entry.file.size, note: null });
    this.announce();
    this.tracker.watch(photoId, (photo) => this.acceptPhoto(entry, photo));
  }

  /** Return whether the photo needs no more following. */
  private acceptPhoto(entry: Entry, photo: Photo): boolean {
    if (!this.entries.has(entry.item.id)) return true;
    const isProcessed = !photo.isProcessing;
    if (isProcessed && !entry.item.isProcessed) this.announce();
    if (photo.status === "FAILED") {
      const failure = photo.steps.find(({ state }) => state === "failed");
      this.update(entry, { phase: "kept", isProcessed, note: failure?.error ?? failure?.reason ?? null });
      return true;
    }
    const isStored = photo.status === "STORED";
    if (isStored && photo.v === 0) this.update(entry, { phase: "kept", isProcessed, note: NO_PICTURE });
    else this.update(entry, { isProcessed, phase: isStored ? "stored" : "processing" });
    return isStored;
  }

  private update(entry: Entry, change: Partial<UploadItem>): void {
    entry.item = { ...entry.item, ...change };
    this.emit();
  }

  private emit(): void {
    this.emitTimer ??= setTimeout(() => {
      this.emitTimer = undefined;
      this.snapshot = [...this.entries.values()].map(({ item }) => item);
      for (const listener of this.listeners) listener();
    }, EMIT_MS);
  }

  private announce(): void {
    this.announceTimer ??= setTimeout(() => {
      this.announceTimer = undefined;
      this.onPhotosChanged();
    }, ANNOUNCE_MS);
  }
}
