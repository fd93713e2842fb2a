/** What the journey is told by its environment. */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

export interface Sample {
  path: string;
  name: string;
  bytes: Buffer;
  checksum: string;
}

export interface Settings {
  url: string;
  claimCode: string;
  screenshots: string;
  /** Pictures to upload; no two have the same bytes. */
  samples: Sample[];
}

/** Pictures that the journey uploads by the file field, and one more by a drop. */
export const FIELD_FILES = 20;
const PHOTO = /\.jpe?g$/i;
/** Large originals would only make the journey slow. */
const MAX_SAMPLE_BYTES = 8_000_000;

function need(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === "") throw new Error(`Set ${name}; see the head of e2e/journey.ts.`);
  return value;
}

function readSamples(folder: string): Sample[] {
  const seen = new Set<string>();
  const names = new Set<string>();
  const samples: Sample[] = [];
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => PHOTO.test(path))
    .sort();
  for (const relative of paths) {
    const path = join(folder, relative);
    const name = relative.split("/").at(-1) ?? relative;
    if (samples.length > FIELD_FILES || statSync(path).size > MAX_SAMPLE_BYTES || names.has(name)) continue;
    const bytes = readFileSync(path);
    const checksum = createHash("sha256").update(bytes).digest("hex");
    if (seen.has(checksum)) continue;
    seen.add(checksum);
    names.add(name);
    samples.push({ path, name, bytes, checksum });
  }
  return samples;
}

export function readSettings(): Settings {
  const samples = readSamples(need("AFTERGLOW_PHOTOS"));
  if (samples.length <= FIELD_FILES) {
    throw new Error(`AFTERGLOW_PHOTOS holds ${samples.length} different JPEGs; the journey needs ${FIELD_FILES + 1}.`);
  }
  const screenshots = need("AFTERGLOW_SCREENSHOTS");
  mkdirSync(screenshots, { recursive: true });
  return { url: need("AFTERGLOW_URL"), claimCode: need("AFTERGLOW_CLAIM_CODE"), screenshots, samples };
}
