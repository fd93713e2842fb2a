import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import type { ReactElement } from "react";

import { explain, type Job } from "@/shared/api";
import { formatAgo, formatInstantFull } from "@/shared/lib/format";
import { useNow } from "@/shared/lib/use-now";
import { Button, LoadMore, PageState, type Toasts } from "@/shared/ui";

import { type JobFilter, jobsQuery, queuesQuery } from "../api";
import { nameOf, shortId, toneOfJob } from "../model/words";
import styles from "./admin.module.css";
import { JobDrawer } from "./job-drawer";
import { JobFilters } from "./job-filters";
import { Live, Verdict } from "./live";

interface JobsPageProps {
  filter: JobFilter;
  /** The job that lies open, or null. */
  openJobId: string | null;
  /** Whose photos may be opened from here; of other people's only ids are shown. */
  userId: string;
  toasts: Toasts;
  onFilter: (filter: JobFilter) => void;
  onOpen: (jobId: string | null) => void;
  onOpenPhoto: (photoId: string) => void;
}

export function JobsPage(props: JobsPageProps): ReactElement {
  const { filter, openJobId, userId, toasts, onFilter, onOpen, onOpenPhoto } = props;
  const query = useInfiniteQuery(jobsQuery(filter));
  const queues = useQuery(queuesQuery);
  const jobs = query.data?.pages.flatMap(({ items }) => items) ?? [];
  const isFiltered = [filter.status, filter.type, filter.photoId].some((value) => value !== undefined);
  return (
    <div className={styles["content"]}>
      <JobFilters filter={filter} types={queues.data?.map(({ name }) => name) ?? []} onFilter={onFilter} />
      {query.isError && jobs.length > 0 && <p className={styles["warning"]}>{explain(query.error)}</p>}
      <Live query={query} what="The jobs">
        {() =>
          jobs.length === 0 ? (
            <NoJobs isFiltered={isFiltered} onFilter={onFilter} />
          ) : (
            <>
              <JobTable jobs={jobs} onOpen={onOpen} />
              <LoadMore things="jobs" query={query} />
            </>
          )
        }
      </Live>
      {openJobId !== null && (
        <JobDrawer
          jobId={openJobId}
          userId={userId}
          toasts={toasts}
          onOpen={onOpen}
          onFilter={onFilter}
          onOpenPhoto={onOpenPhoto}
        />
      )}
    </div>
  );
}

interface NoJobsProps {
  isFiltered: boolean;
  onFilter: (filter: JobFilter) => void;
}

function NoJobs({ isFiltered, onFilter }: NoJobsProps): ReactElement {
  if (!isFiltered) {
    return (
      <PageState icon="steps" title="No jobs yet">
        Every photo that is uploaded becomes a few jobs; finished ones stay listed for 7 days.
      </PageState>
    );
  }
  return (
    <PageState
      icon="steps"
      title="No job is like that"
      actions={
        <Button
          onClick={() => {
            onFilter({});
          }}
        >
          Show all jobs
        </Button>
      }
    />
  );
}

function JobTable({ jobs, onOpen }: { jobs: readonly Job[]; onOpen: (jobId: string) => void }): ReactElement {
  const nowMs = useNow();
  return (
    <table className={styles["table"]}>
      <thead>
        <tr>
          <th scope="col">Job</th>
          <th scope="col">Status</th>
          <th scope="col">Photo</th>
          <th scope="col">Attempts</th>
          <th scope="col">Since</th>
          <th scope="col">Error</th>
        </tr>
      </thead>
      <tbody>
        {jobs.map((job) => {
          const since = job.finishedAt ?? job.startedAt ?? job.createdAt;
          return (
            <tr key={job.id}>
              <th scope="row">
                <button
                  type="button"
                  className={styles["link"]}
                  aria-label={`Details of ${nameOf(job.type)}, job ${shortId(job.id)}`}
                  onClick={() => {
                    onOpen(job.id);
                  }}
                >
                  {nameOf(job.type)}
                </button>
              </th>
              <td data-label="Status">
                <Verdict tone={toneOfJob(job.status)}>{job.status}</Verdict>
              </td>
              <td data-label="Photo" title={job.photoId}>
                <code>{shortId(job.photoId)}</code>
              </td>
              <td data-label="Attempts">
                {job.attempts} of {job.maxAttempts}
              </td>
              <td data-label="Since" title={formatInstantFull(since)}>
                {formatAgo(since, nowMs)}
              </td>
              <td data-label="Error" className={styles["cut"]}>
                {job.errorCode ?? job.error ?? job.payload.reason ?? "–"}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
