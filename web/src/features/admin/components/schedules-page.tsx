import { useQuery } from "@tanstack/react-query";
import type { ReactElement } from "react";

import type { Schedule } from "@/shared/api";
import { formatAgo, formatInstant, formatInstantFull } from "@/shared/lib/format";
import { useNow } from "@/shared/lib/use-now";
import { PageState } from "@/shared/ui";

import { schedulesQuery } from "../api";
import { nameOf, verdictOf } from "../model/words";
import styles from "./admin.module.css";
import { Live, Verdict } from "./live";

/** What runs by the clock: when last, how it ended, when next. */
export function SchedulesPage(): ReactElement {
  const query = useQuery(schedulesQuery);
  return (
    <div className={styles["content"]}>
      <Live query={query} what="The schedules">
        {(schedules) =>
          schedules.length === 0 ? (
            <PageState icon="calendar" title="Nothing is scheduled" />
          ) : (
            <ScheduleTable schedules={schedules} />
          )
        }
      </Live>
    </div>
  );
}

function ScheduleTable({ schedules }: { schedules: readonly Schedule[] }): ReactElement {
  const nowMs = useNow();
  return (
    <table className={styles["table"]}>
      <thead>
        <tr>
          <th scope="col">Task</th>
          <th scope="col">Verdict</th>
          <th scope="col">Last run</th>
          <th scope="col">Next run</th>
          <th scope="col">Plan (UTC)</th>
        </tr>
      </thead>
      <tbody>
        {schedules.map((schedule) => {
          const { label, tone } = verdictOf(schedule);
          const { lastRunAt, nextRunAt, lastError } = schedule;
          return (
            <tr key={schedule.name}>
              <th scope="row">
                {nameOf(schedule.name)}
                {schedule.status === "failed" && lastError !== null && <p className={styles["error"]}>{lastError}</p>}
              </th>
              <td data-label="Verdict">
                <Verdict tone={tone}>{label}</Verdict>
              </td>
              <td data-label="Last run" title={lastRunAt === null ? undefined : formatInstantFull(lastRunAt)}>
                {lastRunAt === null ? "never" : formatAgo(lastRunAt, nowMs)}
              </td>
              <td data-label="Next run" title={formatInstantFull(nextRunAt)}>
                {formatInstant(nextRunAt)}
              </td>
              <td data-label="Plan (UTC)">
                <code>{schedule.cron}</code>
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
