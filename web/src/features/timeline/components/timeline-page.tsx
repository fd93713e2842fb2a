import { useQuery } from "@tanstack/react-query";
import { type ReactElement, type ReactNode, useEffect, useEffectEvent, useRef, useState } from "react";

import { explain } from "@/shared/api";
import { formatDay, plural } from "@/shared/lib/format";
import { Button, PageState } from "@/shared/ui";

import { monthsQuery } from "../api";
import { type Density } from "../model/grid";
import { layoutTimeline, type TimelineLayout } from "../model/layout";
import { readDensity, writeDensity } from "../position-storage";
import type { Frame } from "../renderer/timeline-view";
import { DensitySwitch } from "./density-switch";
import { Scrubber, type ScrubberHandle } from "./scrubber";
import styles from "./timeline-page.module.css";
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
    const date = frame.top > 0 && frame.takenLocal !== null ? formatDay(frame.takenLocal.slice(0, 10)) : "";
    if (dateRef.current !== null && dateRef.current.textContent !== date) dateRef.current.textContent = date;
  };
  const { rootRef, view } = useTimelineView({
    months: months.data?.months ?? NO_MONTHS,
    updatedAt: months.dataUpdatedAt,
    density,
    isActive: openPhoto === null,
    onOpen,
    onFrame,
  });

  // The grid follows the photo that lies open, so that closing it shows where it stands.
  const lastOpen = useRef<OpenPhoto | null>(null);
  const follow = useEffectEvent((photo: OpenPhoto | null) => {
    const closed = photo === null ? lastOpen.current : null;
    lastOpen.current = photo;
    const shown = photo ?? closed;
    if (shown?.month) void view?.reveal(shown.id, shown.month, closed !== null);
  });
  useEffect(() => {
    follow(openPhoto);
  }, [openPhoto, view]);

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
        {photoCount > 0 && <Scrubber layout={layout} handle={scrubber} onJump={(top) => view?.goTo(top)} />}
        {months.isPending && <LoadingGrid />}
        {months.isError && months.data === undefined && (
          <div className={styles["cover"]}>
            <PageState
              icon="warning"
              title="The timeline could not be loaded"
              actions={
                <Button icon="retry" tone="primary" busy={months.isFetching} onClick={() => void months.refetch()}>
                  Try again
                </Button>
              }
            >
              {explain(months.error)}
            </PageState>
          </div>
        )}
        {months.isSuccess && photoCount === 0 && (
          <div className={styles["cover"]}>
            <PageState icon="photos" title="Your photos will live here" actions={emptyActions}>
              Drop photos or whole folders anywhere on this page. The originals stay on this server exactly as they are.
            </PageState>
          </div>
        )}
      </div>
    </section>
  );
}

function LoadingGrid(): ReactElement {
  return (
    <div className={styles["loading"]} role="status">
      <span className="visually-hidden">Loading photos</span>
      {Array.from({ length: 60 }, (_, index) => (
        <span key={index} />
      ))}
    </div>
  );
}
