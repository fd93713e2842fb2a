import { useNavigate, useParams, useRouteContext, useRouter } from "@tanstack/react-router";
import type { ReactElement } from "react";

import { Lightbox } from "@/features/photos";
import { useNeighbours } from "@/features/timeline";

import { usePhotoMonth } from "./use-photo-month";

export function PhotoRoute(): ReactElement {
  const { photoId } = useParams({ from: "/member/timeline/photos/$photoId" });
  const { actions, hidden, selection } = useRouteContext({ from: "/member" });
  const navigate = useNavigate();
  const router = useRouter();
  const month = usePhotoMonth(photoId);
  const { current, previous, next } = useNeighbours(photoId, month, hidden);

  const close = () => {
    if (router.latestLocation.state.fromTimeline === true) router.history.back();
    else void navigate({ to: "/", replace: true });
  };
  // One step back leads to the timeline, however many photos were looked at.
  const go = (id: string) =>
    void navigate({ to: "/photos/$photoId", params: { photoId: id }, replace: true, state: (state) => state });
  const trash = () => {
    const successor = next ?? previous;
    if (successor === null) close();
    else go(successor.id);
    selection.remove([photoId]);
    void actions.trash([photoId]);
  };
  return (
    <Lightbox
      photoId={photoId}
      current={current}
      previous={previous}
      next={next}
      onGo={go}
      onTrash={trash}
      onClose={close}
    />
  );
}
