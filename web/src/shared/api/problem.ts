/** An answer that is not a success, as an error: an RFC 9457 problem, or none when nobody answered. */

/** The members of a problem document that the client uses; others stay in `extra`. */
interface ProblemDocument {
  code?: unknown;
  title?: unknown;
  detail?: unknown;
  [member: string]: unknown;
}

export class ApiError extends Error {
  override readonly name = "ApiError";
  /** HTTP status; 0 when the server could not be reached. */
  readonly status: number;
  /** Stable code of the problem, such as `upload.offset-mismatch`. */
  readonly code: string;
  /** All members of the problem document, such as `offset` or `retryAfter`. */
  readonly extra: Readonly<Record<string, unknown>>;

  constructor(status: number, code: string, message: string, extra: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.extra = extra;
  }

  /** Whether the same request may succeed later without anybody changing anything. */
  get isTransient(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

function isRecord(value: unknown): value is ProblemDocument {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const FALLBACKS: Readonly<Record<number, string>> = {
  0: "The server cannot be reached. Check the connection and try again.",
  401: "Please log in again.",
  403: "You are not allowed to do this.",
  404: "This does not exist, or is not yours to see.",
  413: "This file is larger than the server takes.",
  429: "Too many attempts. Wait a moment and try again.",
  507: "The server has no space left for this.",
};

/** Return the error that an HTTP answer stands for; `body` is its parsed JSON, if it was any. */
export function errorFromResponse(status: number, body: unknown): ApiError {
  const problem = isRecord(body) ? body : {};
  const code = typeof problem.code === "string" ? problem.code : `http.${status}`;
  const message = [problem.detail, problem.title].find((text) => typeof text === "string" && text !== "");
  const fallback = FALLBACKS[status] ?? `The server answered with an error (${status}).`;
  return new ApiError(status, code, typeof message === "string" ? message : fallback, problem);
}

/** Return the error for a request that got no answer at all. */
export function errorFromSilence(): ApiError {
  return new ApiError(0, "network.unreachable", FALLBACKS[0] ?? "");
}

/** Return a sentence for people, whatever was thrown. */
export function explain(error: unknown): string {
  if (error instanceof ApiError) return error.message;
  return error instanceof Error && error.message !== "" ? error.message : "Something went wrong.";
}
