import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactElement, ReactNode } from "react";

import { explain, type TimelineMonths } from "@/shared/api";
import { Button, Icon, PageState } from "@/shared/ui";

import styles from "./timeline-states.module.css";

interface TimelineStatesProps {
  months: UseQueryResult<TimelineMonths>;
  photoCount: number;
  hasTrouble: boolean;
  emptyActions: ReactNode;
}

/** What lies over the grid while it has nothing to show, or not all. */
export function TimelineStates({
  months,
  photoCount,
  hasTrouble,
  emptyActions,
}: TimelineStatesProps): ReactElement | null {
  if (months.isPending) return <LoadingGrid />;
  if (months.data === undefined) {
    return (
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
    );
  }
  if (photoCount === 0) {
    return (
      <div className={styles["cover"]}>
        <PageState icon="photos" title="Your photos will live here" actions={emptyActions}>
          Drop photos or whole folders anywhere on this page. The originals stay on this server exactly as they are.
        </PageState>
      </div>
    );
  }
  if (!hasTrouble && !months.isError) return null;
  return (
    <p className={styles["trouble"]} role="status">
      <Icon name="warning" size={16} /> Some photos could not be loaded. Trying again…
    </p>
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
