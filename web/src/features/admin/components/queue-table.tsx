import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactElement } from "react";

import { explain, type Queue } from "@/shared/api";
import { formatCount, formatSpan, plural } from "@/shared/lib/format";
import { useNow } from "@/shared/lib/use-now";
import { Button, IconButton, type Toasts } from "@/shared/ui";

import { invalidateAdmin, pauseQueue, resumeQueue, retryFailed } from "../api";
import { ageOf, estimate, perMinute } from "../model/figures";
import { nameOf } from "../model/words";
import styles from "./admin.module.css";
import { Verdict } from "./live";

interface QueueTableProps {
  queues: readonly Queue[];
  toasts: Toasts;
  onShowFailed: (type: string) => void;
}

export function QueueTable({ queues, toasts, onShowFailed }: QueueTableProps): ReactElement {
  const nowMs = useNow();
  return (
    <table className={styles["table"]}>
      <thead>
        <tr>
          <th scope="col">Queue</th>
          <th scope="col">Waiting</th>
          <th scope="col">Oldest</th>
          <th scope="col">Running</th>
          <th scope="col">Done/min</th>
          <th scope="col">Mean time</th>
          <th scope="col">Failed</th>
          <th scope="col">
            <span className="visually-hidden">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {queues.map((queue) => (
          <QueueRow key={queue.name} queue={queue} nowMs={nowMs} toasts={toasts} onShowFailed={onShowFailed} />
        ))}
      </tbody>
    </table>
  );
}

interface QueueRowProps extends Omit<QueueTableProps, "queues"> {
  queue: Queue;
  nowMs: number;
}

function QueueRow({ queue, nowMs, toasts, onShowFailed }: QueueRowProps): ReactElement {
  const { name, paused, meanDurationMs, failedLastHour, retriedLastHour } = queue;
  return (
    <tr data-paused={paused}>
      <th scope="row">
        {nameOf(name)} {paused && <Verdict tone="warning">paused</Verdict>}
      </th>
      <td data-label="Waiting">{estimate(queue.waiting, queue.isEstimate)}</td>
      <td data-label="Oldest">{ageOf(queue.oldestWaitingSince, nowMs)}</td>
      <td data-label="Running">{formatCount(queue.running)}</td>
      <td data-label="Done/min">{perMinute(queue.completedLastHour)}</td>
      <td data-label="Mean time">{meanDurationMs === null ? "–" : formatSpan(meanDurationMs)}</td>
      <td data-label="Failed">
        {queue.failed === 0 ? (
          "0"
        ) : (
          <button
            type="button"
            className={styles["link"]}
            title={`In the last hour ${plural(failedLastHour, "failure")}, ${formatCount(retriedLastHour)} tried again`}
            aria-label={`Show the ${plural(queue.failed, "failed job")} of ${nameOf(name)}`}
            onClick={() => {
              onShowFailed(name);
            }}
          >
            {estimate(queue.failed, queue.isEstimate)}
          </button>
        )}
      </td>
      <td className={styles["actions"]}>
        <QueueActions queue={queue} toasts={toasts} />
      </td>
    </tr>
  );
}

function QueueActions({ queue, toasts }: { queue: Queue; toasts: Toasts }): ReactElement {
  const client = useQueryClient();
  const name = nameOf(queue.name);
  const fail = (error: Error) => {
    toasts.show(explain(error), { tone: "danger" });
  };
  const switching = useMutation({
    mutationFn: () => (queue.paused ? resumeQueue(queue.name) : pauseQueue(queue.name)),
    onSettled: () => invalidateAdmin(client),
    onError: fail,
  });
  const retrying = useMutation({
    mutationFn: () => retryFailed(queue),
    onSuccess: (count) => {
      toasts.show(`${plural(count, "job")} of ${name} ${count === 1 ? "waits" : "wait"} to be tried again`);
    },
    onSettled: () => invalidateAdmin(client),
    onError: fail,
  });
  return (
    <>
      {queue.failed > 0 && (
        <IconButton
          icon="retry"
          label={`Try the failed jobs of ${name} again`}
          disabled={retrying.isPending}
          onClick={() => {
            retrying.mutate();
          }}
        />
      )}
      <Button
        icon={queue.paused ? "play" : "pause"}
        tone={queue.paused ? "primary" : "quiet"}
        busy={switching.isPending}
        aria-label={`${queue.paused ? "Resume" : "Pause"} ${name}`}
        onClick={() => {
          switching.mutate();
        }}
      >
        {queue.paused ? "Resume" : "Pause"}
      </Button>
    </>
  );
}
