/** The typed HTTP client; types come from the OpenAPI document. */
import createClient from "openapi-fetch";

import { ApiError, errorFromResponse, errorFromSilence } from "./problem";
import type { paths } from "./schema";
import { sessionFetch } from "./session";

export const api = createClient<paths>({ baseUrl: globalThis.location.origin, fetch: sessionFetch });

interface Outcome<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/**
 * Return the body of a successful answer.
 *
 * @throws ApiError The server refused, failed, or could not be reached.
 */
export async function unwrap<T>(call: Promise<Outcome<T>>): Promise<T> {
  let outcome: Outcome<T>;
  try {
    outcome = await call;
  } catch (error) {
    // An aborted request is the caller's own wish and stays what it is.
    if (error instanceof DOMException || error instanceof ApiError) throw error;
    throw errorFromSilence();
  }
  if (!outcome.response.ok) throw errorFromResponse(outcome.response.status, outcome.error);
  return outcome.data as T;
}
