/** Hashes files off the main thread, in pieces: memory stays the same however large the file is. */
import { createSHA256 } from "hash-wasm";

import type { HashAnswer, HashRequest } from "./hasher";

const PIECE_BYTES = 4 * 1024 * 1024;

async function hashFile(file: Blob): Promise<string> {
  const sha256 = await createSHA256();
  sha256.init();
  for (let offset = 0; offset < file.size; offset += PIECE_BYTES) {
    sha256.update(new Uint8Array(await file.slice(offset, offset + PIECE_BYTES).arrayBuffer()));
  }
  return sha256.digest("hex");
}

async function answer({ id, file }: HashRequest): Promise<HashAnswer> {
  try {
    return { id, checksum: await hashFile(file) };
  } catch {
    return { id, checksum: null };
  }
}

addEventListener("message", ({ data }: MessageEvent<HashRequest>) => {
  void answer(data).then((result) => {
    postMessage(result);
  });
});
