import type { ReactElement } from "react";

import type { Download } from "@/shared/api";
import { formatBytes, plural } from "@/shared/lib/format";
import { ConfirmDialog } from "@/shared/ui";

import { missingLines, missingText } from "./words";

interface DownloadDialogProps {
  download: Download;
  onConfirm: () => void;
  onCancel: () => void;
}

/** The question whether an archive that lacks originals is wanted. */
export function DownloadDialog({ download, onConfirm, onCancel }: DownloadDialogProps): ReactElement {
  const { count, filename, missing, size } = download;
  return (
    <ConfirmDialog
      title={count === 0 ? "Nothing can be downloaded" : "Some originals are missing"}
      confirmLabel={count === 0 ? "Close" : `Download ${plural(count, "original")}`}
      tone="primary"
      onConfirm={count === 0 ? onCancel : onConfirm}
      onCancel={onCancel}
    >
      <p>{missingText(download)}</p>
      <ul>
        {missingLines(missing).map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
      {count > 0 && (
        <p>
          {filename} has the other {plural(count, "original")} ({formatBytes(size)}), and names what is missing.
        </p>
      )}
    </ConfirmDialog>
  );
}
