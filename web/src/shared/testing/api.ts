/** A server for component tests: answers by method and path, and notes what it was asked. */
import { vi } from "vitest";

import { jsonResponse } from "./render";

export interface Call {
  method: string;
  path: string;
  query: URLSearchParams;
  body: unknown;
}

/** The body of a 200, or a `Response`; what is thrown is a network that fails. */
type Answer = (call: Call) => unknown;

/** Answer calls like `"GET /api/trash"`; anything else is 404. Returns the list that the calls are noted in. */
export function stubApi(answers: Record<string, Answer>): Call[] {
  const calls: Call[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    const { pathname: path, searchParams: query } = new URL(request.url);
    const text = await request.text();
    const call = { method: request.method, path, query, body: text === "" ? null : (JSON.parse(text) as unknown) };
    calls.push(call);
    const answer = answers[`${request.method} ${path}`];
    if (answer === undefined) return jsonResponse(404, { code: "http.404", detail: `No such route: ${path}` });
    const body = await answer(call);
    return body instanceof Response ? body : jsonResponse(200, body);
  });
  return calls;
}

/** What was asked, as `"POST /api/trash"`. */
export function askedOf(calls: readonly Call[]): string[] {
  return calls.map(({ method, path }) => `${method} ${path}`);
}
