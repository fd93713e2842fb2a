/** Which bytes of photos a page asked for; the proof of DER-4. */
import type { Page } from "./browser.ts";

export type ByteKind = "thumbnail" | "preview" | "original" | "video";

export interface ByteRequest {
  kind: ByteKind;
  url: string;
}

const KINDS: Readonly<Record<string, ByteKind>> = {
  thumbnail: "thumbnail",
  preview: "preview",
  original: "original",
  download: "original",
  video: "video",
};

/** Return what a URL asks for: bytes of a photo, or null for anything else. */
export function byteKind(url: string): ByteKind | null {
  const route = /\/api\/photos\/[^/]+\/(\w+)/.exec(new URL(url).pathname)?.[1];
  return route === undefined ? null : (KINDS[route] ?? null);
}

/** Records the requests of a page from now on. */
export class ByteRecorder {
  private seen: ByteRequest[] = [];

  constructor(page: Page) {
    page.on("request", (request) => {
      const kind = byteKind(request.url());
      if (kind !== null) this.seen.push({ kind, url: request.url() });
    });
  }

  /** Return what was asked for since the last call. */
  take(): ByteRequest[] {
    const taken = this.seen;
    this.seen = [];
    return taken;
  }
}

export function kindsOf(requests: readonly ByteRequest[]): ByteKind[] {
  return [...new Set(requests.map(({ kind }) => kind))].sort();
}
