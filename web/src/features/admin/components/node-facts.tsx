import type { ReactElement } from "react";

import type { NodeStatus } from "@/shared/api";
import { formatAgo, formatBytes, formatCount, formatInstantFull, plural } from "@/shared/lib/format";
import { useNow } from "@/shared/lib/use-now";

import { uptimeText } from "../model/figures";
import { nameOf } from "../model/words";
import styles from "./admin.module.css";

interface NodeFactsProps {
  status: NodeStatus;
  onShowFailed: (type: string) => void;
}

/** What fails, who works, and what runs here. */
export function NodeFacts({ status, onShowFailed }: NodeFactsProps): ReactElement {
  return (
    <div className={styles["columns"]}>
      <Failures failures={status.failuresLastDay} onShowFailed={onShowFailed} />
      <Workers workers={status.workers} />
      <Versions status={status} />
    </div>
  );
}

interface FailuresProps {
  failures: NodeStatus["failuresLastDay"];
  onShowFailed: (type: string) => void;
}

function Failures({ failures, onShowFailed }: FailuresProps): ReactElement {
  return (
    <section className={styles["section"]} aria-labelledby="failures">
      <h2 id="failures">Failures of the last day</h2>
      {failures.length === 0 ? (
        <p className={styles["empty"]}>No attempt failed.</p>
      ) : (
        <ul className={styles["rows"]}>
          {failures.map(({ step, code, count }) => (
            <li key={`${step} ${code}`}>
              <button
                type="button"
                className={styles["link"]}
                onClick={() => {
                  onShowFailed(step);
                }}
              >
                {nameOf(step)}
              </button>
              <code>{code}</code>
              <strong>{plural(count, "attempt")}</strong>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Workers({ workers }: { workers: NodeStatus["workers"] }): ReactElement {
  const nowMs = useNow();
  return (
    <section className={styles["section"]} aria-labelledby="workers">
      <h2 id="workers">Workers</h2>
      {workers.length === 0 ? (
        <p className={styles["warning"]} role="alert">
          No worker has told of itself for two minutes: photos are taken, but not processed.
        </p>
      ) : (
        <ul className={styles["rows"]}>
          {workers.map(({ id, name, running, residentBytes, seenAt, version }) => (
            <li key={id}>
              <span>
                {name} <small>{version}</small>
              </span>
              <small>
                {residentBytes !== null && `${formatBytes(residentBytes)} · `}seen {formatAgo(seenAt, nowMs)}
              </small>
              <strong>{formatCount(running)} running</strong>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Versions({ status }: { status: NodeStatus }): ReactElement {
  const { version, role, uptimeS, startedAt, database } = status;
  const facts = [
    ["Afterglow", `${version}, ${role}`],
    ["Up for", uptimeText(uptimeS), `since ${formatInstantFull(startedAt)}`],
    ["PostgreSQL", database.version],
    ["Schema", database.revision],
    ["Database", formatBytes(database.sizeBytes)],
  ] as const;
  return (
    <section className={styles["section"]} aria-labelledby="versions">
      <h2 id="versions">This server</h2>
      <dl className={styles["facts"]}>
        {facts.map(([term, value, title]) => (
          <div key={term}>
            <dt>{term}</dt>
            <dd title={title}>{value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
