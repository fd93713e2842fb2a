/**
 * The cookie session. Tokens live in HttpOnly cookies and are never seen by this code; all it does is ask for fresh
 * ones when a call answers 401, once for however many calls failed, and say when the session is over.
 */
export const CLIENT_HEADER = "X-Afterglow-Client";
export const CLIENT_NAME = "web";

const lostListeners = new Set<() => void>();
let refreshing: Promise<boolean> | null = null;

async function requestRefresh(): Promise<boolean> {
  try {
    const response = await fetch("/api/auth/refresh", {
      method: "POST",
      headers: { "Content-Type": "application/json", [CLIENT_HEADER]: CLIENT_NAME },
      body: JSON.stringify({ cookie: true }),
    });
    return response.ok;
  } catch {
    return false;
  }
}

/** Renew the session; concurrent callers share one request. Resolves to whether there is a session now. */
export function refreshSession(): Promise<boolean> {
  refreshing ??= requestRefresh().finally(() => {
    refreshing = null;
  });
  return refreshing;
}

/** Call `listener` when the session ended and could not be renewed; returns the function that stops it. */
export function onSessionLost(listener: () => void): () => void {
  lostListeners.add(listener);
  return () => lostListeners.delete(listener);
}

export function announceSessionLost(): void {
  for (const listener of lostListeners) listener();
}

/** Calls that carry credentials themselves: their 401 means "wrong password", not "expired". */
function isCredentialCall(url: string): boolean {
  return /\/api\/(auth\/(login|refresh|logout)|servers\/)/.test(url);
}

/**
 * `fetch` that marks the request as the web client's (the CSRF fence of cookie sessions) and repeats it once after a
 * successful refresh when it answers 401.
 */
export async function sessionFetch(request: Request): Promise<Response> {
  request.headers.set(CLIENT_HEADER, CLIENT_NAME);
  // A body can be read once only, so the repetition needs its copy before the first try.
  const again = request.clone();
  const response = await fetch(request);
  if (response.status !== 401 || isCredentialCall(request.url)) return response;
  if (await refreshSession()) return fetch(again);
  announceSessionLost();
  return response;
}
