/** Bringing one file to the server: hash-first session, chunks, completion; patient with the network. */
import { api, ApiError, putBytes, unwrap, type UploadSession } from "@/shared/api";

import { backoffMs, MAX_TRIES } from "./model/backoff";
import type { DeclineReason } from "./model/item";

export interface Transfer {
  file: File;
  checksum: string;
  signal: AbortSignal;
  onSent: (sentBytes: number) => void;
  /** All bytes are there; the server verifies them now. */
  onFinishing: () => void;
  /** Something went wrong that may pass by itself; null when it has passed. */
  onTrouble: (note: string | null) => void;
}

export type TransferResult =
  { kind: "uploaded" | "duplicate"; photoId: string } | { kind: "declined"; reason: DeclineReason };

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new DOMException("The upload was cancelled.", "AbortError"));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal.addEventListener("abort", stop, { once: true });
  });
}

/** Run `action`, again and again while its failures may pass by themselves. */
async function patiently<T>({ signal, onTrouble }: Transfer, action: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const result = await action();
      if (attempt > 1) onTrouble(null);
      return result;
    } catch (error) {
      if (!(error instanceof ApiError) || !error.isTransient || attempt >= MAX_TRIES) throw error;
      onTrouble(error.status === 0 ? "Waiting for the connection" : "The server is busy, trying again");
      await sleep(backoffMs(attempt), signal);
    }
  }
}

function openSession({ file, checksum, signal }: Transfer): Promise<UploadSession> {
  const modifiedAt = new Date(file.lastModified).toISOString();
  const body = { filename: file.name, size: file.size, checksum, modifiedAt };
  return unwrap(api.POST("/api/upload-sessions", { body, signal }));
}

function offsetOf(answer: unknown): number | null {
  const offset = typeof answer === "object" && answer !== null && "offset" in answer ? answer.offset : null;
  return typeof offset === "number" ? offset : null;
}

/** Send one chunk; returns the offset that the server has now, which is also where a refused chunk tells to go on. */
async function sendChunk(transfer: Transfer, session: UploadSession, offset: number): Promise<number> {
  const bytes = transfer.file.slice(offset, offset + session.chunkSize);
  const url = `/api/upload-sessions/${session.id}/chunks?offset=${offset}`;
  const onProgress = (sentBytes: number) => {
    transfer.onSent(offset + sentBytes);
  };
  try {
    const answer = await putBytes({ url, bytes, signal: transfer.signal, onProgress });
    return offsetOf(answer) ?? offset + bytes.size;
  } catch (error) {
    const known = error instanceof ApiError && error.status === 409 ? offsetOf(error.extra) : null;
    if (known === null || known === offset) throw error;
    return known;
  }
}

async function sendChunks(transfer: Transfer, session: UploadSession): Promise<void> {
  let offset = session.offset;
  // A server that forgets and repeats offsets must not keep us here for ever.
  const maxChunks = 3 * Math.ceil(transfer.file.size / session.chunkSize) + MAX_TRIES;
  for (let sent = 0; offset < transfer.file.size; sent += 1) {
    if (sent > maxChunks) throw new Error("The server keeps losing parts of this file.");
    const from = offset;
    offset = await patiently(transfer, () => sendChunk(transfer, session, from));
    transfer.onSent(offset);
  }
}

/** What a session or a completed upload says of the photo; null when its bytes are still wanted. */
function resultOf(answer: { tombstoned: boolean; inTrash: boolean; photoId?: string | null }, isKnown: boolean) {
  if (answer.tombstoned) return { kind: "declined", reason: "tombstoned" } as const;
  if (answer.inTrash) return { kind: "declined", reason: "in-trash" } as const;
  if (isKnown && answer.photoId) return { kind: "duplicate", photoId: answer.photoId } as const;
  return null;
}

async function transferOnce(transfer: Transfer): Promise<TransferResult> {
  const session = await patiently(transfer, () => openSession(transfer));
  const known = resultOf(session, session.alreadyExists);
  if (known !== null) return known;
  await sendChunks(transfer, session);
  transfer.onFinishing();
  const params = { path: { upload_id: session.id } };
  const accepted = await patiently(transfer, () =>
    unwrap(api.POST("/api/upload-sessions/{upload_id}/complete", { params, signal: transfer.signal })),
  );
  const refused = resultOf(accepted, accepted.duplicate);
  if (refused !== null) return refused;
  if (!accepted.photoId) throw new Error("The server took the file but named no photo.");
  return { kind: "uploaded", photoId: accepted.photoId };
}

/**
 * Upload a file and return what came of it.
 *
 * @throws ApiError The server refused the file, or stayed away for too long.
 * @throws DOMException The transfer was cancelled.
 */
export async function transferFile(transfer: Transfer): Promise<TransferResult> {
  try {
    return await transferOnce(transfer);
  } catch (error) {
    // The session expired or went with its server; the file is still here, so begin anew, once.
    const isGone = error instanceof ApiError && (error.status === 404 || error.status === 410);
    if (!isGone) throw error;
    return transferOnce(transfer);
  }
}
