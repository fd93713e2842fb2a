/** The account of an upload in one or two lines. */
import { formatCount, plural } from "@/shared/lib/format";

import type { Summary } from "./item";

/** Return the headline: what goes on, or what came of it. */
export function headline(summary: Summary): string {
  const { total, sent, processing, failed } = summary;
  if (summary.isTransferring) return `Uploading ${formatCount(Math.min(sent + 1, total))} of ${formatCount(total)}`;
  if (processing > 0) return `Processing ${plural(processing, "photo")}`;
  if (failed === total) return "Nothing could be uploaded";
  return failed > 0 ? "Finished with failures" : "Upload finished";
}

/** Return what became of the files; the numbers add up to all files that came to an end. */
export function account({ stored, duplicates, declined, kept, failed }: Summary): string {
  const parts = [
    stored > 0 && `${formatCount(stored)} stored`,
    duplicates > 0 && `${formatCount(duplicates)} already in your library`,
    declined > 0 && `${formatCount(declined)} not taken`,
    kept > 0 && `${formatCount(kept)} kept but not displayable`,
    failed > 0 && `${formatCount(failed)} failed`,
  ];
  return parts.filter((part) => part !== false).join(" · ");
}
