import { useQuery } from "@tanstack/react-query";
import { type ReactElement, type ReactNode, useEffect, useRef, useState } from "react";

import { formatDay, plural } from "@/shared/lib/format";
import type { Selection } from "@/shared/lib/selection";
import { useSelection } from "@/shared/lib/use-selection";
import { IconButton } from "@/shared/ui";

import { monthsQuery } from "../api";
import type { HiddenPhotos } from "../hidden-photos";
import { type Density } from "../model/grid";
import { layoutTimeline, type TimelineLayout } from "../model/layout";
import { readDensity, writeDensity } from "../position-storage";
import type { Frame } from "../renderer/frame";
import type { TimelineView } from "../renderer/timeline-view";
import { DensitySwitch } from "./density-switch";
import { Scrubber, type ScrubberHandle } from "./scrubber";
import styles from "./timeline-page.module.css";
import { TimelineStates } from "./timeline-states";
import { useTimelineView } from "./use-timeline-view";

/** A photo that lies open over the timeline. */
export interface OpenPhoto {
  id: string;
  month: string | null;
}

interface TimelinePageProps {
  openPhoto: OpenPhoto | null;
  onOpen: (photoId: string) => void;
  selection: Selection;
  hidden: HiddenPhotos;
  onPickFailure: (error: unknown) => void;
  /** The Delete key, while photos are picked. */
  onTrash: () => void;
  /** Buttons of other features, such as upload. */
  actions: ReactNode;
  /** What an empty library offers. */
  emptyActions: ReactNode;
}

const NO_MONTHS: readonly never[] = [];
const EMPTY_LAYOUT: TimelineLayout = layoutTimeline([], { columns: 1, tilePx: 1, gapPx: 0, widthPx: 1 });

export function TimelinePage(props: TimelinePageProps): ReactElement {
  const { openPhoto, onOpen, selection, hidden, actions, emptyActions } = props;
  const [hasProcessing, setProcessing] = useState(false);
  const [hasTrouble, setTrouble] = useState(false);
  const [layout, setLayout] = useState(EMPTY_LAYOUT);
  const [density, setDensity] = useState<Density>(readDensity);
  const months = useQuery(monthsQuery(hasProcessing));
  const scrubber = useRef<ScrubberHandle>(null);
  const dateRef = useRef<HTMLParagraphElement>(null);
  const { isSelecting } = useSelection(selection);
  const toldCount = months.data?.months.reduce((sum, { count }) => sum + count, 0) ?? 0;
  // What is shown may be ahead of what the server told.
  const photoCount = toldCount > 0 && layout.photoCount > 0 ? layout.photoCount : toldCount;

  const onFrame = (frame: Frame) => {
    scrubber.current?.follow(frame);
    setLayout(frame.layout);
    setProcessing(frame.hasProcessing);
    setTrouble(frame.hasTrouble);
    const date = frame.top > 0 && frame.takenLocal !== null ? formatDay(frame.takenLocal.slice(0, 10)) : "";
    if (dateRef.current !== null && dateRef.current.textContent !== date) dateRef.current.textContent = date;
  };
  const { rootRef, view } = useTimelineView({
    months: months.data?.months ?? NO_MONTHS,
    version: months.data?.version ?? -1,
    askedAtMs: months.data?.askedAtMs ?? -Infinity,
    density,
    isActive: openPhoto === null,
    selection,
    hidden,
    onOpen,
    onFrame,
    onPickFailure: props.onPickFailure,
    onTrash: props.onTrash,
  });

  useFollowOpenPhoto(view, openPhoto);

  const isScrollable = layout.height > (view?.viewportHeight ?? Infinity);
  const changeDensity = (next: Density) => {
    setDensity(next);
    writeDensity(next);
  };

  return (
    <section className={styles["page"]} aria-label="Photos">
      <header className={styles["toolbar"]}>
        <div className={styles["title"]}>
          <h1>Photos</h1>
          {photoCount > 0 && <p className={styles["count"]}>{plural(photoCount, "photo")}</p>}
          <p ref={dateRef} className={styles["date"]} />
        </div>
        {photoCount > 0 && (
          <IconButton
            icon="select"
            label={isSelecting ? "Stop selecting (Escape)" : "Select photos"}
            aria-pressed={isSelecting}
            onClick={() => {
              if (isSelecting) selection.clear();
              else selection.start();
            }}
          />
        )}
        {photoCount > 0 && <DensitySwitch value={density} onChange={changeDensity} />}
        {actions}
      </header>
      <div className={styles["body"]}>
        <div ref={rootRef} className={styles["root"]} data-timeline="" role="group" aria-label="Timeline" />
        {isScrollable && <Scrubber layout={layout} handle={scrubber} onJump={(top) => view?.goTo(top)} />}
        <TimelineStates months={months} photoCount={photoCount} hasTrouble={hasTrouble} emptyActions={emptyActions} />
      </div>
    </section>
  );
}

/** Keep the grid at the photo that lies open, so that closing it shows where it stands, with the keyboard on it. */
function useFollowOpenPhoto(view: TimelineView | null, open: OpenPhoto | null): void {
  const last = useRef<OpenPhoto | null>(null);
  const { id = null, month = null } = open ?? {};
  useEffect(() => {
    const closed = id === null ? last.current : null;
    last.current = id === null ? null : { id, month };
    const shown = closed ?? last.current;
    if (shown !== null && shown.month !== null) void view?.reveal(shown.id, shown.month, closed !== null);
  }, [view, id, month]);
}
