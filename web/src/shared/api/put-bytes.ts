/** Sending raw bytes with progress, which `fetch` cannot report. */
import { errorFromResponse, errorFromSilence } from "./problem";
import { announceSessionLost, CLIENT_HEADER, CLIENT_NAME, refreshSession } from "./session";

export interface PutBytes {
  url: string;
  bytes: Blob;
  signal: AbortSignal;
  /** Called with the bytes of this request sent so far. */
  onProgress: (sentBytes: number) => void;
}

interface Answer {
  status: number;
  body: unknown;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

function send({ url, bytes, signal, onProgress }: PutBytes): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const abort = () => {
      request.abort();
    };
    signal.addEventListener("abort", abort, { once: true });
    request.upload.onprogress = (event) => {
      onProgress(event.loaded);
    };
    request.onload = () => {
      resolve({ status: request.status, body: parse(request.responseText) });
    };
    request.onerror = () => {
      reject(errorFromSilence());
    };
    request.onabort = () => {
      reject(new DOMException("The upload was cancelled.", "AbortError"));
    };
    request.onloadend = () => {
      signal.removeEventListener("abort", abort);
    };
    request.open("PUT", url);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader(CLIENT_HEADER, CLIENT_NAME);
    request.send(bytes);
  });
}

/**
 * PUT bytes and return the parsed answer; a 401 renews the session and sends once more.
 *
 * @throws ApiError The server refused, failed, or could not be reached.
 * @throws DOMException `signal` was aborted.
 */
export async function putBytes(put: PutBytes): Promise<unknown> {
  put.signal.throwIfAborted();
  let answer = await send(put);
  if (answer.status === 401) {
    if (await refreshSession()) answer = await send(put);
    else announceSessionLost();
  }
  if (answer.status < 200 || answer.status >= 300) throw errorFromResponse(answer.status, answer.body);
  return answer.body;
}
