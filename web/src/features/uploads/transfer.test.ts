import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { transferFile } from "./transfer";

interface Call {
  method: string;
  path: string;
}

/** A server that takes chunks of four bytes; `answer` may refuse a call. */
const state = {
  calls: [] as Call[],
  received: "",
  session: {} as Record<string, unknown>,
  completed: {} as Record<string, unknown>,
  refuse: (() => null) as (call: Call) => { status: number; body: unknown } | null,
};

function respond(method: string, url: string, body: string): { status: number; body: unknown } {
  const { pathname, searchParams } = new URL(url, "http://localhost");
  const call = { method, path: pathname + (searchParams.size > 0 ? `?${searchParams.toString()}` : "") };
  state.calls.push(call);
  const refused = state.refuse(call);
  if (refused !== null) return refused;
  if (pathname.endsWith("/chunks")) {
    if (Number(searchParams.get("offset")) !== state.received.length) {
      return { status: 409, body: { code: "upload.offset-mismatch", offset: state.received.length } };
    }
    state.received += body;
    return { status: 200, body: { offset: state.received.length } };
  }
  if (pathname.endsWith("/complete"))
    return { status: 200, body: { photoId: "p1", duplicate: false, ...state.completed } };
  return { status: 201, body: { id: "s1", chunkSize: 4, offset: 0, alreadyExists: false, ...state.session } };
}

class FakeXhr {
  upload = { onprogress: null as ((event: { loaded: number }) => void) | null };
  status = 0;
  responseText = "";
  onload: (() => void) | null = null;
  onloadend: (() => void) | null = null;
  private target = "";
  open(_: string, url: string): void {
    this.target = url;
  }
  setRequestHeader(): void {
    /* Headers are the session's business, tested there. */
  }
  abort(): void {
    /* Nothing is on its way for longer than a moment. */
  }
  send(bytes: Blob): void {
    void bytes.text().then((text) => {
      this.upload.onprogress?.({ loaded: text.length });
      const { status, body } = respond("PUT", this.target, text);
      this.status = status;
      this.responseText = JSON.stringify(body);
      this.onload?.();
      this.onloadend?.();
    });
  }
}

function transfer(text = "0123456789", signal = new AbortController().signal) {
  const sent: number[] = [];
  const troubles: (string | null)[] = [];
  const file = new File([text], "a.jpg");
  const result = transferFile({
    file,
    checksum: "abc",
    signal,
    onSent: (bytes) => sent.push(bytes),
    onFinishing: vi.fn(),
    onTrouble: (note) => troubles.push(note),
  });
  return { result, sent, troubles };
}

beforeEach(() => {
  vi.useFakeTimers({ shouldAdvanceTime: true, advanceTimeDelta: 200 });
  Object.assign(state, { calls: [], received: "", session: {}, completed: {}, refuse: () => null });
  vi.stubGlobal("XMLHttpRequest", FakeXhr);
  vi.stubGlobal("fetch", async (request: Request) => {
    const { status, body } = respond(request.method, request.url, await request.text());
    return new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Refuse the first `times` calls that match. */
function refuseFirst(times: number, match: RegExp, status: number, body: unknown = {}): void {
  let left = times;
  state.refuse = ({ path }) => (match.test(path) && left-- > 0 ? { status, body } : null);
}

describe("ING-1 a transfer", () => {
  it("sends all bytes in order, in chunks of the server's size", async () => {
    const { result, sent } = transfer();
    expect(await result).toEqual({ kind: "uploaded", photoId: "p1" });
    expect(state.received).toBe("0123456789");
    expect(state.calls.filter(({ path }) => path.includes("chunks"))).toHaveLength(3);
    expect(sent.at(-1)).toBe(10);
  });

  it("sends nothing of a photo that the library has", async () => {
    state.session = { alreadyExists: true, photoId: "p0" };
    expect(await transfer().result).toEqual({ kind: "duplicate", photoId: "p0" });
    expect(state.calls).toHaveLength(1);
  });

  it("goes on where an earlier session stopped", async () => {
    state.received = "01234";
    state.session = { offset: 5 };
    await transfer().result;
    expect(state.received).toBe("0123456789");
  });

  it("follows the server to the offset that it tells", async () => {
    state.received = "0123456";
    await transfer().result;
    expect(state.received).toBe("0123456789");
  });

  it("is patient while the server is busy, and says so", async () => {
    refuseFirst(2, /chunks/, 503);
    const { result, troubles } = transfer();
    expect(await result).toEqual({ kind: "uploaded", photoId: "p1" });
    expect(troubles).toEqual([expect.stringContaining("busy"), expect.stringContaining("busy"), null]);
  });

  it("begins anew, once, when its session is gone", async () => {
    refuseFirst(1, /complete/, 404);
    state.session = { offset: 0 };
    const { result } = transfer("0123");
    // The new session knows nothing: its server tells the offset that it has.
    expect(await result).toEqual({ kind: "uploaded", photoId: "p1" });
    refuseFirst(9, /complete/, 404);
    state.received = "";
    await expect(transfer("0123").result).rejects.toMatchObject({ status: 404 });
  });

  it("gives up at once when the file is refused", async () => {
    refuseFirst(9, /complete/, 415, { code: "ingest.type", detail: "Not a photo." });
    await expect(transfer().result).rejects.toMatchObject({ status: 415, message: "Not a photo." });
    expect(state.calls.filter(({ path }) => path.includes("complete"))).toHaveLength(1);
  });

  it("does not take a deleted photo again", async () => {
    state.session = { tombstoned: true };
    expect((await transfer().result).kind).toBe("declined");
    state.session = {};
    state.completed = { inTrash: true };
    expect((await transfer().result).kind).toBe("declined");
  });

  it("does not trust a server that keeps forgetting", async () => {
    state.refuse = ({ path }) => (path.includes("chunks") ? { status: 200, body: { offset: 0 } } : null);
    await expect(transfer().result).rejects.toThrow("keeps losing");
  });

  it("stops when it is cancelled", async () => {
    const controller = new AbortController();
    controller.abort();
    await expect(transfer("0123", controller.signal).result).rejects.toMatchObject({ name: "AbortError" });
  });
});
