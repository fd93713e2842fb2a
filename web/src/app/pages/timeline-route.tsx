import { Outlet, useNavigate, useParams } from "@tanstack/react-router";
import type { ReactElement } from "react";

import { TimelinePage } from "@/features/timeline";
import { UploadButton } from "@/features/uploads";

import { usePhotoMonth } from "./use-photo-month";

/** The timeline, and over it the photo whose address this is. */
export function TimelineRoute(): ReactElement {
  const navigate = useNavigate();
  const { photoId } = useParams({ strict: false });
  const month = usePhotoMonth(photoId);
  return (
    <>
      <TimelinePage
        openPhoto={photoId === undefined ? null : { id: photoId, month }}
        onOpen={(id) =>
          void navigate({ to: "/photos/$photoId", params: { photoId: id }, state: { fromTimeline: true } })
        }
        actions={<UploadButton />}
        emptyActions={<UploadButton />}
      />
      <Outlet />
    </>
  );
}
