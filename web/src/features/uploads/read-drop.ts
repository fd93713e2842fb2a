/** Files of a drop, with the ones inside folders. */
import type { FoundFile } from "./model/selection";

function readBatch(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  return new Promise((resolve, reject) => {
    reader.readEntries(resolve, reject);
  });
}

function readFile(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => {
    entry.file(resolve, reject);
  });
}

async function* walk(entry: FileSystemEntry, folder: string): AsyncGenerator<FoundFile> {
  if (entry.isFile) {
    yield { file: await readFile(entry as FileSystemFileEntry), folder };
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
  // Chromium hands out a hundred entries at a time; an empty batch is the end.
  for (let batch = await readBatch(reader); batch.length > 0; batch = await readBatch(reader)) {
    for (const child of batch) yield* walk(child, path);
  }
}

/** Return all files of a drop. Has to be called within the event: its items are gone afterwards. */
export async function readDrop(transfer: DataTransfer): Promise<FoundFile[]> {
  const items = [...transfer.items].filter(({ kind }) => kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry());
  const plain = [...transfer.files].map((file) => ({ file, folder: "" }));
  // Drops that a script made have files but no entries.
  if (entries.every((entry) => entry === null)) return plain;
  const found: FoundFile[] = [];
  for (const entry of entries) {
    if (entry === null) continue;
    for await (const file of walk(entry, "")) found.push(file);
  }
  return found;
}

/** Return the files of a file or folder picker. */
export function readPicked(files: FileList): FoundFile[] {
  return [...files].map((file) => ({ file, folder: file.webkitRelativePath.split("/").slice(0, -1).join("/") }));
}
