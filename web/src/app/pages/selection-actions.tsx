import { useRouteContext } from "@tanstack/react-router";
import { type ReactElement, useState } from "react";

import { DownloadDialog } from "@/features/downloads";
import type { Download } from "@/shared/api";
import { useSelection } from "@/shared/lib/use-selection";
import { Button, SelectionBar } from "@/shared/ui";

/** The bar of the timeline's selection: download and trash. */
export function SelectionActions({ onTrash }: { onTrash: () => void }): ReactElement {
  const { actions, selection } = useRouteContext({ from: "/member" });
  const state = useSelection(selection);
  const [isPacking, setPacking] = useState(false);
  const [incomplete, setIncomplete] = useState<Download | null>(null);
  const isNone = state.ids.size === 0 || state.isBusy;

  const download = async () => {
    setPacking(true);
    setIncomplete(await actions.download([...state.ids]));
    setPacking(false);
  };
  return (
    <>
      <SelectionBar
        state={state}
        onClear={() => {
          selection.clear();
        }}
      >
        <Button icon="download" busy={isPacking} disabled={isNone} onClick={() => void download()}>
          Download
        </Button>
        <Button icon="trash" disabled={isNone} onClick={onTrash}>
          Trash
        </Button>
      </SelectionBar>
      {incomplete !== null && (
        <DownloadDialog
          download={incomplete}
          onConfirm={() => {
            actions.startArchive(incomplete);
            setIncomplete(null);
          }}
          onCancel={() => {
            setIncomplete(null);
          }}
        />
      )}
    </>
  );
}
