import { beforeEach, describe, expect, it, vi } from "vitest";

import { onSessionLost, sessionFetch } from "./session";

const ORIGIN = "http://localhost";
const calls: string[] = [];
let isExpired = true;
let canRefresh = true;

beforeEach(() => {
  calls.length = 0;
  isExpired = true;
  canRefresh = true;
  vi.stubGlobal("fetch", async (input: Request | string, init?: RequestInit) => {
    const request = typeof input === "string" ? new Request(ORIGIN + input, init) : input;
    const path = new URL(request.url).pathname;
    calls.push(`${request.method} ${path} ${request.headers.get("x-afterglow-client") ?? "-"} ${await request.text()}`);
    if (path === "/api/auth/refresh") {
      isExpired = !canRefresh;
      return new Response(null, { status: canRefresh ? 200 : 401 });
    }
    return new Response(null, { status: isExpired ? 401 : 200 });
  });
});

const post = (path: string) => sessionFetch(new Request(ORIGIN + path, { method: "POST", body: "hello" }));

describe("the cookie session", () => {
  it("is renewed once for any number of calls that find it expired, and each is repeated with its body", async () => {
    const answers = await Promise.all([post("/api/a"), post("/api/b"), post("/api/c")]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(calls.filter((call) => call.includes("refresh"))).toEqual(['POST /api/auth/refresh web {"cookie":true}']);
    expect(calls.filter((call) => call === "POST /api/a web hello")).toHaveLength(2);
  });

  it("is said to be lost when it cannot be renewed", async () => {
    canRefresh = false;
    const lost = vi.fn();
    const stop = onSessionLost(lost);
    expect((await post("/api/a")).status).toBe(401);
    stop();
    expect(lost).toHaveBeenCalledOnce();
    expect(calls.filter((call) => call.startsWith("POST /api/a "))).toHaveLength(1);
  });

  it("is not renewed for a wrong password", async () => {
    expect((await post("/api/auth/login")).status).toBe(401);
    expect(calls).toHaveLength(1);
  });

  it("marks every call as the web client's", async () => {
    isExpired = false;
    await post("/api/a");
    expect(calls).toEqual(["POST /api/a web hello"]);
  });
});
