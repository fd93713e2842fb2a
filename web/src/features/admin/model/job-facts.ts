import type { Job } from "@/shared/api";
import { formatInstantFull, formatSpan, plural } from "@/shared/lib/format";

type Fact = readonly [term: string, value: string];

function durationOf({ startedAt, finishedAt }: Job): string | null {
  if (startedAt === null || finishedAt === null) return null;
  return formatSpan(Date.parse(finishedAt) - Date.parse(startedAt));
}

/** Return what is known of a job, in the order of its life; what is not known is left out. */
export function jobFacts(job: Job): Fact[] {
  const { payload } = job;
  const when = (instant: string | null) => (instant === null ? null : formatInstantFull(instant));
  const facts: (readonly [string, string | null])[] = [
    ["Reason", payload.reason],
    ["Error code", job.errorCode],
    ["Attempts", `${job.attempts} of ${job.maxAttempts}`],
    ["Waited for a part", payload.waits > 0 ? plural(payload.waits, "time") : null],
    ["Created", when(job.createdAt)],
    ["Due", when(payload.nextTryAt)],
    ["Started", when(job.startedAt)],
    ["Finished", when(job.finishedAt)],
    ["Took", durationOf(job)],
    ["Worker", job.workerId],
    ["Locked", when(job.lockedAt)],
    ["Lease until", when(payload.leaseUntil)],
    ["Algorithm", `${payload.algorithm}, version ${payload.version}`],
    ["Priority", String(payload.priority)],
    ["Job", job.id],
    ["Photo", job.photoId],
    ["Owner", job.ownerId],
  ];
  return facts.filter((fact): fact is Fact => fact[1] !== null);
}
