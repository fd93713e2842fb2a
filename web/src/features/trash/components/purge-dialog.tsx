import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactElement, useState } from "react";

import { explain } from "@/shared/api";
import { formatCount, plural } from "@/shared/lib/format";
import { ConfirmDialog, type Toasts } from "@/shared/ui";

import { dropFromTrash, invalidateTrash, purge } from "../api";

interface PurgeDialogProps {
  photoIds: readonly string[];
  toasts: Toasts;
  onEnd: () => void;
  onCancel: () => void;
}

/** The question before photos are deleted for ever, and the deleting. */
export function PurgeDialog({ photoIds, toasts, onEnd, onCancel }: PurgeDialogProps): ReactElement {
  const client = useQueryClient();
  const [done, setDone] = useState(0);
  const count = photoIds.length;
  const deletion = useMutation({
    mutationFn: () => purge(photoIds, setDone),
    onSuccess: (purged) => {
      dropFromTrash(client, photoIds);
      // An "Undo" that is still shown could only fail.
      toasts.withdrawOffers();
      const rest = count - purged;
      const others =
        rest > 0 ? ` ${plural(rest, "other")} ${rest === 1 ? "was" : "were"} not in the trash any more.` : "";
      toasts.show(`${plural(purged, "photo")} deleted for ever.${others}`);
      onEnd();
    },
    onError: (error) => {
      const some = done > 0 ? `${formatCount(done)} of ${plural(count, "photo")} were deleted, then it stopped. ` : "";
      toasts.show(`${some}${explain(error)}`, { tone: "danger" });
      onEnd();
    },
    onSettled: () => invalidateTrash(client),
  });

  if (count === 0) {
    return (
      <ConfirmDialog title="The trash is empty" confirmLabel="Close" tone="primary" onConfirm={onEnd} onCancel={onEnd}>
        <p>There is nothing to delete.</p>
      </ConfirmDialog>
    );
  }
  return (
    <ConfirmDialog
      title={`Delete ${plural(count, "photo")} for ever?`}
      confirmLabel={deletion.isPending ? `Deleting ${formatCount(done)} of ${formatCount(count)}` : "Delete for ever"}
      busy={deletion.isPending}
      onConfirm={() => {
        deletion.mutate();
      }}
      onCancel={onCancel}
    >
      <p>
        {count === 1 ? "The original and everything made from it" : "The originals and everything made from them"} will
        be gone from this server. <strong>This cannot be undone.</strong>
      </p>
      <p>
        Afterglow remembers that you deleted {count === 1 ? "it" : "them"}: no phone or folder brings{" "}
        {count === 1 ? "it" : "them"} back unless you allow it.
      </p>
    </ConfirmDialog>
  );
}
