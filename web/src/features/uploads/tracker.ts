/** Follows uploaded photos until they are stored, asking about a few at a time and less often the longer it takes. */
import { api, type Photo, unwrap } from "@/shared/api";

/** Photos asked about per round, so that ten thousand uploads do not become ten thousand requests at once. */
const PER_ROUND = 8;
const FIRST_WAIT_MS = 700;
const MAX_WAIT_MS = 15_000;

interface Watched {
  photoId: string;
  dueAtMs: number;
  waitMs: number;
  onPhoto: (photo: Photo) => boolean;
}

export type PhotoReader = (photoId: string) => Promise<Photo>;

const readPhoto: PhotoReader = (photoId) =>
  unwrap(api.GET("/api/photos/{photo_id}", { params: { path: { photo_id: photoId } } }));

export class Tracker {
  private readonly read: PhotoReader;
  private watched: Watched[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isAsking = false;

  constructor(read: PhotoReader = readPhoto) {
    this.read = read;
  }

  /** Tell `onPhoto` about the photo, until it returns true. */
  watch(photoId: string, onPhoto: (photo: Photo) => boolean): void {
    this.watched.push({ photoId, onPhoto, waitMs: FIRST_WAIT_MS, dueAtMs: Date.now() + FIRST_WAIT_MS });
    this.plan();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.watched = [];
  }

  private plan(): void {
    clearTimeout(this.timer);
    if (this.isAsking || this.watched.length === 0) return;
    const dueAtMs = Math.min(...this.watched.map((entry) => entry.dueAtMs));
    this.timer = setTimeout(() => void this.askRound(), Math.max(0, dueAtMs - Date.now()));
  }

  private async askRound(): Promise<void> {
    this.isAsking = true;
    const due = this.watched.filter(({ dueAtMs }) => dueAtMs <= Date.now()).slice(0, PER_ROUND);
    const answers = await Promise.all(due.map((entry) => this.ask(entry)));
    const done = new Set(due.filter((_, index) => answers[index] === true));
    this.watched = this.watched.filter((entry) => !done.has(entry));
    this.isAsking = false;
    this.plan();
  }

  private async ask(entry: Watched): Promise<boolean> {
    entry.waitMs = Math.min(MAX_WAIT_MS, entry.waitMs * 1.5);
    entry.dueAtMs = Date.now() + entry.waitMs;
    try {
      return entry.onPhoto(await this.read(entry.photoId));
    } catch {
      // Not knowing is no failure of the photo: it is asked about again later.
      return false;
    }
  }
}
