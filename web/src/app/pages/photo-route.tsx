import { useNavigate, useParams, useRouter } from "@tanstack/react-router";
import type { ReactElement } from "react";

import { Lightbox } from "@/features/photos";
import { useNeighbours } from "@/features/timeline";

import { usePhotoMonth } from "./use-photo-month";

export function PhotoRoute(): ReactElement {
  const { photoId } = useParams({ from: "/member/timeline/photos/$photoId" });
  const navigate = useNavigate();
  const router = useRouter();
  const month = usePhotoMonth(photoId);
  const { current, previous, next } = useNeighbours(photoId, month);

  const close = () => {
    if (router.latestLocation.state.fromTimeline === true) router.history.back();
    else void navigate({ to: "/", replace: true });
  };
  return (
    <Lightbox
      photoId={photoId}
      current={current}
      previous={previous}
      next={next}
      // One step back leads to the timeline, however many photos were looked at.
      onGo={(id) =>
        void navigate({ to: "/photos/$photoId", params: { photoId: id }, replace: true, state: (state) => state })
      }
      onClose={close}
    />
  );
}
