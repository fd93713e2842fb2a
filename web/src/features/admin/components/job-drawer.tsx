import * as Dialog from "@radix-ui/react-dialog";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { ReactElement } from "react";

import { explain, type Job } from "@/shared/api";
import { Button, IconButton, type Toasts } from "@/shared/ui";

import { cancelJob, invalidateAdmin, type JobFilter, jobQuery, retryJob } from "../api";
import { jobFacts } from "../model/job-facts";
import { actionsOf, nameOf, toneOfJob } from "../model/words";
import styles from "./job-drawer.module.css";
import { Live, Verdict } from "./live";

interface JobDrawerProps {
  jobId: string;
  userId: string;
  toasts: Toasts;
  onOpen: (jobId: string | null) => void;
  onFilter: (filter: JobFilter) => void;
  onOpenPhoto: (photoId: string) => void;
}

/** Everything that is known of a job, and what can be done with it. */
export function JobDrawer({ jobId, onOpen, ...rest }: JobDrawerProps): ReactElement {
  const query = useQuery(jobQuery(jobId));
  return (
    <Dialog.Root
      open
      onOpenChange={() => {
        onOpen(null);
      }}
    >
      <Dialog.Portal>
        {/* Not Dialog.Overlay: what it adds to keep the page from scrolling is a style tag, which the CSP forbids. */}
        <div className={styles["overlay"]} />
        <Dialog.Content className={styles["drawer"]} aria-describedby={undefined}>
          <header>
            <Dialog.Title>{query.data === undefined ? "Job" : nameOf(query.data.type)}</Dialog.Title>
            {query.data !== undefined && <Verdict tone={toneOfJob(query.data.status)}>{query.data.status}</Verdict>}
            <IconButton
              icon="close"
              label="Close (Escape)"
              onClick={() => {
                onOpen(null);
              }}
            />
          </header>
          <Live query={query} what="The job">
            {(job) => <JobDetails job={job} onOpen={onOpen} {...rest} />}
          </Live>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

interface JobDetailsProps extends Omit<JobDrawerProps, "jobId"> {
  job: Job;
}

function JobDetails({ job, userId, toasts, onOpen, onFilter, onOpenPhoto }: JobDetailsProps): ReactElement {
  const client = useQueryClient();
  const { retry, cancel } = actionsOf(job);
  const acted = {
    onSettled: () => invalidateAdmin(client),
    onError: (error: Error) => {
      toasts.show(explain(error), { tone: "danger" });
    },
  };
  const retrying = useMutation({
    ...acted,
    mutationFn: () => retryJob(job.id),
    onSuccess: (next) => {
      toasts.show(`${nameOf(job.type)} waits to run again`);
      // The next run of a step is another job.
      if (next.id !== job.id) onOpen(next.id);
    },
  });
  const cancelling = useMutation({
    ...acted,
    mutationFn: () => cancelJob(job.id),
    onSuccess: () => {
      toasts.show(`${nameOf(job.type)} was cancelled`);
    },
  });
  return (
    <>
      {job.error !== null && <p className={styles["error"]}>{job.error}</p>}
      <dl className={styles["facts"]}>
        {jobFacts(job).map(([term, value]) => (
          <div key={term}>
            <dt>{term}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <div className={styles["links"]}>
        <Button
          icon="steps"
          onClick={() => {
            onFilter({ photoId: job.photoId });
          }}
        >
          All jobs of this photo
        </Button>
        {job.ownerId === userId && (
          <Button
            icon="photos"
            onClick={() => {
              onOpenPhoto(job.photoId);
            }}
          >
            Look at the photo
          </Button>
        )}
      </div>
      <footer>
        {cancel && (
          <Button
            icon="close"
            busy={cancelling.isPending}
            onClick={() => {
              cancelling.mutate();
            }}
          >
            Cancel job
          </Button>
        )}
        {retry && (
          <Button
            icon="retry"
            tone="primary"
            busy={retrying.isPending}
            onClick={() => {
              retrying.mutate();
            }}
          >
            {job.status === "completed" ? "Run again" : "Try again now"}
          </Button>
        )}
      </footer>
    </>
  );
}
