import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactElement, ReactNode } from "react";

import { explain } from "@/shared/api";
import { formatInstantFull } from "@/shared/lib/format";
import { Button, Icon, PageState } from "@/shared/ui";

import styles from "./live.module.css";
import { useFreshness, useIsOnline } from "./use-live";

/** Says whether figures are live, and from when they are if they are not. */
export function LiveMark({ query }: { query: UseQueryResult }): ReactElement | null {
  const freshness = useFreshness(query);
  if (query.data === undefined) return null;
  const since = formatInstantFull(new Date(query.dataUpdatedAt).toISOString());
  const texts = {
    live: "Live",
    stale: `The server does not answer; figures of ${since}`,
    offline: `No connection; figures of ${since}`,
  };
  return (
    <span className={styles["mark"]} data-freshness={freshness} role="status">
      {texts[freshness]}
    </span>
  );
}

interface LiveProps<T> {
  query: UseQueryResult<T>;
  /** What is shown: "The queues". */
  what: string;
  children: (data: T) => ReactNode;
}

/** Figures, or why there are none: not yet, no connection, an error. Old figures stay while new ones do not come. */
export function Live<T>({ query, what, children }: LiveProps<T>): ReactElement {
  const isOnline = useIsOnline();
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (query.isError) {
    return (
      <PageState
        icon="warning"
        title={`${what} could not be loaded`}
        actions={
          <Button icon="retry" tone="primary" busy={query.isFetching} onClick={() => void query.refetch()}>
            Try again
          </Button>
        }
      >
        {explain(query.error)}
      </PageState>
    );
  }
  if (!isOnline) {
    return (
      <PageState icon="warning" title="No connection">
        {what} will be shown as soon as there is a connection again.
      </PageState>
    );
  }
  return (
    <div className={styles["loading"]} role="status">
      <span className="visually-hidden">Loading: {what}</span>
      <span />
      <span />
      <span />
    </div>
  );
}

/** A word with a colour and a sign, so that the colour is never alone. */
export function Verdict({ tone, children }: { tone: "ok" | "busy" | "warning" | "neutral"; children: ReactNode }) {
  return (
    <span className={styles["verdict"]} data-tone={tone}>
      {tone === "warning" && <Icon name="warning" size={14} />}
      {tone === "ok" && <Icon name="check" size={14} />}
      {children}
    </span>
  );
}
