import { useQuery } from "@tanstack/react-query";
import type { ReactElement } from "react";

import type { Toasts } from "@/shared/ui";

import { queuesQuery, readinessQuery, statusQuery } from "../api";
import styles from "./admin.module.css";
import { Figures } from "./figures";
import { Live } from "./live";
import { NodeFacts } from "./node-facts";
import { QueueTable } from "./queue-table";
import { Readiness } from "./readiness";

interface OverviewPageProps {
  toasts: Toasts;
  /** Show the jobs of a queue that failed. */
  onShowFailed: (type: string) => void;
}

/** The node at a glance: health, work, disk, processes. */
export function OverviewPage({ toasts, onShowFailed }: OverviewPageProps): ReactElement {
  const status = useQuery(statusQuery);
  const queues = useQuery(queuesQuery);
  const readiness = useQuery(readinessQuery);
  return (
    <div className={styles["content"]}>
      <Live query={readiness} what="The health of the server">
        {(data) => <Readiness readiness={data} />}
      </Live>
      <Live query={status} what="The state of the server">
        {(data) => <Figures status={data} queues={queues.data ?? null} />}
      </Live>
      <section className={styles["section"]} aria-labelledby="queues">
        <h2 id="queues">Queues</h2>
        <Live query={queues} what="The queues">
          {(data) => <QueueTable queues={data} toasts={toasts} onShowFailed={onShowFailed} />}
        </Live>
      </section>
      {status.data !== undefined && <NodeFacts status={status.data} onShowFailed={onShowFailed} />}
    </div>
  );
}
