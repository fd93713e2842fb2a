import { useQuery } from "@tanstack/react-query";
import { type ReactElement, type ReactNode, useEffect, useRef, useState } from "react";

import { formatDay, plural } from "@/shared/lib/format";

import { monthsQuery } from "../api";
import { type Density } from "../model/grid";
import { layoutTimeline, type TimelineLayout } from "../model/layout";
import { readDensity, writeDensity } from "../position-storage";
import type { Frame, TimelineView } from "../renderer/timeline-view";
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
  /** Buttons of other features, such as upload. */
  actions: ReactNode;
  /** What an empty library offers. */
  emptyActions: ReactNode;
}

const NO_MONTHS: readonly never[] = [];
const EMPTY_LAYOUT: TimelineLayout = layoutTimeline([], { columns: 1, tilePx: 1, gapPx: 0, widthPx: 1 });

export function TimelinePage({ openPhoto, onOpen, actions, emptyActions }: TimelinePageProps): ReactElement {
  const [hasProcessing, setProcessing] = useState(false);
  const [hasTrouble, setTrouble] = useState(false);
  const [layout, setLayout] = useState(EMPTY_LAYOUT);
  const [density, setDensity] = useState<Density>(readDensity);
  const months = useQuery(monthsQuery(hasProcessing));
  const scrubber = useRef<ScrubberHandle>(null);
  const dateRef = useRef<HTMLParagraphElement>(null);
  const photoCount = months.data?.months.reduce((sum, { count }) => sum + count, 0) ?? 0;

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
    updatedAt: months.dataUpdatedAt,
    density,
    isActive: openPhoto === null,
    onOpen,
    onFrame,
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
