import { Outlet, useNavigate, useParams, useRouteContext } from "@tanstack/react-router";
import type { ReactElement } from "react";

import { TimelinePage } from "@/features/timeline";
import { UploadButton } from "@/features/uploads";
import { explain } from "@/shared/api";

import { SelectionActions } from "./selection-actions";
import { usePhotoMonth } from "./use-photo-month";

/** The timeline, and over it the photo whose address this is. */
export function TimelineRoute(): ReactElement {
  const navigate = useNavigate();
  const { actions, hidden, selection, toasts } = useRouteContext({ from: "/member" });
  const { photoId } = useParams({ strict: false });
  const month = usePhotoMonth(photoId);
  const trash = () => {
    const photoIds = [...selection.state().ids];
    selection.clear();
    void actions.trash(photoIds);
  };
  return (
    <>
      <TimelinePage
        openPhoto={photoId === undefined ? null : { id: photoId, month }}
        onOpen={(id) =>
          void navigate({ to: "/photos/$photoId", params: { photoId: id }, state: { fromTimeline: true } })
        }
        selection={selection}
        hidden={hidden}
        onPickFailure={(error) => {
          toasts.show(`Not all photos in between could be selected. ${explain(error)}`, { tone: "danger" });
        }}
        onTrash={trash}
        actions={<UploadButton />}
        emptyActions={<UploadButton />}
      />
      {photoId === undefined && <SelectionActions onTrash={trash} />}
      <Outlet />
    </>
  );
}
