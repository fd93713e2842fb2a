/** What is said of a download. */
import type { Download } from "@/shared/api";
import { formatBytes, formatCount, plural } from "@/shared/lib/format";

type Missing = Download["missing"][number];

const REASONS: Readonly<Record<Missing["reason"], string>> = {
  "in-trash": "in the trash",
  "not-held": "not on this server",
  missing: "missing on this server",
  damaged: "damaged on this server",
};

/** Names that are listed; the rest is counted. */
const NAMED = 5;

/** Return name, number and size. */
export function downloadText({ filename, count, size }: Pick<Download, "filename" | "count" | "size">): string {
  return `Downloading ${filename}: ${plural(count, "original")}, ${formatBytes(size)}`;
}

/** Return what is not in the archive, in one sentence. */
export function missingText({ count, missing }: Pick<Download, "count" | "missing">): string {
  const all = formatCount(count + missing.length);
  const [is, it] = missing.length === 1 ? ["is", "it"] : ["are", "they"];
  return `${formatCount(missing.length)} of ${all} originals cannot be downloaded now: ${it} ${is} listed below.`;
}

/** Return the files that are not in the archive, with the reasons. */
export function missingLines(missing: readonly Missing[]): string[] {
  const lines = missing.slice(0, NAMED).map(({ filename, reason }) => `${filename}: ${REASONS[reason]}`);
  return missing.length > NAMED ? [...lines, `and ${plural(missing.length - NAMED, "other")}`] : lines;
}
