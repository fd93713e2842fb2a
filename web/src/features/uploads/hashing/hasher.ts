/** SHA-256 of files, computed in a worker that is started when it is first needed. */

export interface HashRequest {
  id: number;
  file: Blob;
}

export interface HashAnswer {
  id: number;
  /** Lower-case hex; null when the file could not be read. */
  checksum: string | null;
}

export interface Hasher {
  /** @throws Error The file could not be read. */
  hash(file: Blob): Promise<string>;
}

interface Pending {
  resolve: (checksum: string) => void;
  reject: (error: Error) => void;
}

export class WorkerHasher implements Hasher {
  private worker: Worker | null = null;
  private readonly pending = new Map<number, Pending>();
  private lastId = 0;

  hash(file: Blob): Promise<string> {
    this.worker ??= this.start();
    this.lastId += 1;
    const id = this.lastId;
    const request: HashRequest = { id, file };
    return new Promise((resolve, reject) => {
      this.pending.set(id, { resolve, reject });
      this.worker?.postMessage(request);
    });
  }

  private start(): Worker {
    const worker = new Worker(new URL("./hash.worker.ts", import.meta.url), { type: "module" });
    worker.addEventListener("message", ({ data }: MessageEvent<HashAnswer>) => {
      const pending = this.pending.get(data.id);
      this.pending.delete(data.id);
      if (data.checksum === null) pending?.reject(new Error("The file could not be read. Was it moved or deleted?"));
      else pending?.resolve(data.checksum);
    });
    worker.addEventListener("error", () => {
      this.worker = null;
      for (const { reject } of this.pending.values()) reject(new Error("This browser could not check the file."));
      this.pending.clear();
    });
    return worker;
  }
}
