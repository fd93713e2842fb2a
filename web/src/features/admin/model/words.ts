/** Names of what the admin pages show. */
import type { Job, JobStatus, NodeStatus, Schedule } from "@/shared/api";

export type Tone = "ok" | "busy" | "warning" | "neutral";

export const JOB_STATUSES: readonly JobStatus[] = ["pending", "running", "completed", "failed"];

const JOB_TONES: Readonly<Record<JobStatus, Tone>> = {
  pending: "neutral",
  running: "busy",
  completed: "ok",
  failed: "warning",
};

export function toneOfJob(status: JobStatus): Tone {
  return JOB_TONES[status];
}

/** Return what can be done with a job: a running one can only be told to drop its result. */
export function actionsOf({ status }: Pick<Job, "status">): { retry: boolean; cancel: boolean } {
  return { retry: status !== "running", cancel: status === "pending" || status === "running" };
}

const VERDICTS: Readonly<Record<Schedule["status"], { label: string; tone: Tone }>> = {
  new: { label: "not run yet", tone: "neutral" },
  running: { label: "running", tone: "busy" },
  ok: { label: "ok", tone: "ok" },
  failed: { label: "failed", tone: "warning" },
};

export function verdictOf({ status }: Pick<Schedule, "status">): { label: string; tone: Tone } {
  return VERDICTS[status];
}

const DISK_STATES: Readonly<Record<NodeStatus["disk"]["state"], { label: string; tone: Tone }>> = {
  ok: { label: "ok", tone: "ok" },
  low: { label: "low", tone: "warning" },
  full: { label: "full", tone: "warning" },
};

export function diskVerdict({ state }: NodeStatus["disk"]): { label: string; tone: Tone } {
  return DISK_STATES[state];
}

/** Return a name of the server's, such as `spool_expiry`, as words. */
export function nameOf(identifier: string): string {
  const words = identifier.replaceAll(/[-_.]/g, " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Return an id short enough for a table; its end is what differs between ids of one time. */
export function shortId(id: string): string {
  return `…${id.slice(-8)}`;
}
