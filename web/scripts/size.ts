// Fails when the JavaScript that the first page needs is larger than its budget (gzip).
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

interface Chunk {
  file: string;
  isEntry?: boolean;
  imports?: string[];
}

const BUDGET_BYTES = 180 * 1024;
const dist = new URL("../dist/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", dist), "utf8")) as Record<string, Chunk>;

/** Chunks that the browser loads before anything is shown: the entries and what they import statically. */
function initialChunks(): string[] {
  const seen = new Set(Object.keys(manifest).filter((key) => manifest[key]?.isEntry));
  for (const key of seen) for (const next of manifest[key]?.imports ?? []) seen.add(next);
  return [...seen];
}

const sizes = initialChunks().map((key) => {
  const file = manifest[key]?.file ?? "";
  return { file, bytes: gzipSync(readFileSync(new URL(file, dist)), { level: 9 }).length };
});
const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
for (const { file, bytes } of sizes) console.log(`${(bytes / 1024).toFixed(1).padStart(7)} KB  ${file}`);
console.log(`${(total / 1024).toFixed(1).padStart(7)} KB  initial JavaScript, gzip (budget ${BUDGET_BYTES / 1024} KB)`);
if (total > BUDGET_BYTES) {
  console.error("The initial JavaScript is over its budget: load a page or a library lazily.");
  process.exitCode = 1;
}
