import { useRouteContext } from "@tanstack/react-router";
import { type ReactElement, useState } from "react";

import { Lightbox } from "@/features/photos";
import { TrashPage } from "@/features/trash";
import { Selection } from "@/shared/lib/selection";

import { TrashTabs } from "./trash-tabs";

export function TrashRoute(): ReactElement {
  const { actions, toasts } = useRouteContext({ from: "/member" });
  // What is picked here is not what is picked in the timeline, and is forgotten when the page is left.
  const [selection] = useState(() => new Selection());
  const [openId, setOpenId] = useState<string | null>(null);
  return (
    <>
      <TrashPage
        selection={selection}
        toasts={toasts}
        tabs={<TrashTabs />}
        onRestore={(photoIds) => void actions.restore(photoIds)}
        onOpen={setOpenId}
      />
      {openId !== null && (
        <Lightbox
          photoId={openId}
          current={null}
          previous={null}
          next={null}
          onGo={setOpenId}
          onClose={() => {
            setOpenId(null);
          }}
        />
      )}
    </>
  );
}
