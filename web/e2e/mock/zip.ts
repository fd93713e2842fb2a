/** The smallest ZIP writer that there is: stored entries only. */
import { crc32 } from "node:zlib";

function header(signature: number, name: Buffer, bytes: Buffer, extra: Buffer): Buffer {
  const common = Buffer.alloc(26);
  common.writeUInt16LE(20, 0);
  // Names are UTF-8.
  common.writeUInt16LE(0x0800, 2);
  common.writeUInt32LE(crc32(bytes), 10);
  common.writeUInt32LE(bytes.length, 14);
  common.writeUInt32LE(bytes.length, 18);
  common.writeUInt16LE(name.length, 22);
  const start = Buffer.alloc(4);
  start.writeUInt32LE(signature);
  return Buffer.concat([start, extra, common]);
}

/** Return an archive of the files. */
export function zip(files: readonly (readonly [name: string, bytes: Buffer])[]): Buffer {
  const parts: Buffer[] = [];
  const index: Buffer[] = [];
  let offset = 0;
  for (const [text, bytes] of files) {
    const name = Buffer.from(text);
    const local = Buffer.concat([header(0x04034b50, name, bytes, Buffer.alloc(0)), name, bytes]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    // The index's header has the version of its maker in front, and comment, disk, attributes and place behind.
    index.push(Buffer.concat([header(0x02014b50, name, bytes, Buffer.from([20, 0])), rest, name]));
    parts.push(local);
    offset += local.length;
  }
  const directory = Buffer.concat(index);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, directory, end]);
}
