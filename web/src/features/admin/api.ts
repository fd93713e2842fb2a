/** The state of the node, as its owner and administrators see it. */
import { infiniteQueryOptions, type QueryClient, queryOptions } from "@tanstack/react-query";

import {
  api,
  ApiError,
  type Job,
  type JobPage,
  type JobStatus,
  type NodeStatus,
  type Queue,
  type Readiness,
  type Schedule,
  unwrap,
} from "@/shared/api";

import { POLL_MS, pollMs } from "./model/poll";

const KEY = "admin";
/** Schedules run by the minute at most, and probing every part of the node is not free. */
const SLOW_POLL_MS = 10_000;

/** Nothing is asked while the page is hidden (`document.visibilityState`): TanStack Query's own rule for intervals. */
const every =
  (baseMs: number) =>
  ({ state }: { state: { status: string } }): number =>
    pollMs(state.status === "error", baseMs);

/** A failed poll is followed by the next poll: trying at once again is only more load. */
const LIVE = { retry: false, staleTime: 1_000, refetchOnWindowFocus: "always" } as const;

export const statusQuery = queryOptions({
  queryKey: [KEY, "status"],
  queryFn: ({ signal }): Promise<NodeStatus> => unwrap(api.GET("/api/admin/status", { signal })),
  refetchInterval: every(POLL_MS),
  ...LIVE,
});

export const queuesQuery = queryOptions({
  queryKey: [KEY, "queues"],
  queryFn: async ({ signal }): Promise<Queue[]> => (await unwrap(api.GET("/api/admin/queues", { signal }))).items,
  refetchInterval: every(POLL_MS),
  ...LIVE,
});

export const schedulesQuery = queryOptions({
  queryKey: [KEY, "schedules"],
  queryFn: async ({ signal }): Promise<Schedule[]> => (await unwrap(api.GET("/api/admin/schedules", { signal }))).items,
  refetchInterval: every(SLOW_POLL_MS),
  ...LIVE,
});

function isReadiness(
  answer: Readonly<Record<string, unknown>>,
): answer is Readonly<Record<string, unknown>> & Readiness {
  return Array.isArray(answer["parts"]);
}

/** A node that is ill answers 503 with the parts: that is an answer here, not an error. */
export const readinessQuery = queryOptions({
  queryKey: [KEY, "readiness"],
  queryFn: async ({ signal }): Promise<Readiness> => {
    try {
      return await unwrap(api.GET("/api/health/ready", { signal }));
    } catch (error) {
      const answer = error instanceof ApiError && error.status === 503 ? error.extra : {};
      if (isReadiness(answer)) return answer;
      throw error;
    }
  },
  refetchInterval: every(SLOW_POLL_MS),
  ...LIVE,
});

export interface JobFilter {
  status?: JobStatus | undefined;
  type?: string | undefined;
  photoId?: string | undefined;
}

const PAGE_JOBS = 50;

export const jobsQuery = (filter: JobFilter) =>
  infiniteQueryOptions({
    queryKey: [KEY, "jobs", filter],
    queryFn: ({ pageParam, signal }): Promise<JobPage> => {
      const { status, type, photoId } = filter;
      const query = {
        limit: PAGE_JOBS,
        ...(status && { status }),
        ...(type && { type }),
        ...(photoId && { photoId }),
        ...(pageParam !== null && { cursor: pageParam }),
      };
      return unwrap(api.GET("/api/admin/jobs", { params: { query }, signal }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: ({ nextCursor }) => nextCursor,
    // Every page that is loaded is asked for again: who has gone deep into the list reads it in peace.
    refetchInterval: ({ state }) => ((state.data?.pages.length ?? 0) > 1 ? false : pollMs(state.status === "error")),
    ...LIVE,
  });

export const jobQuery = (jobId: string) =>
  queryOptions({
    queryKey: [KEY, "job", jobId],
    queryFn: ({ signal }): Promise<Job> =>
      unwrap(api.GET("/api/admin/jobs/{job_id}", { params: { path: { job_id: jobId } }, signal })),
    refetchInterval: every(POLL_MS),
    ...LIVE,
  });

export async function pauseQueue(name: string): Promise<void> {
  await unwrap(api.POST("/api/admin/queues/{name}/pause", { params: { path: { name } } }));
}

export async function resumeQueue(name: string): Promise<void> {
  await unwrap(api.POST("/api/admin/queues/{name}/resume", { params: { path: { name } } }));
}

/** Try failed jobs of a queue again, `failed` of them or a few more; returns how many. */
export async function retryFailed({ name, failed }: Pick<Queue, "name" | "failed">): Promise<number> {
  let count = 0;
  let hasMore = true;
  // What fails again meanwhile is not chased for ever.
  while (hasMore && count < failed) {
    const answer = await unwrap(api.POST("/api/admin/queues/{name}/retry", { params: { path: { name } } }));
    count += answer.count;
    hasMore = answer.hasMore && answer.count > 0;
  }
  return count;
}

export function retryJob(jobId: string): Promise<Job> {
  return unwrap(api.POST("/api/admin/jobs/{job_id}/retry", { params: { path: { job_id: jobId } } }));
}

export function cancelJob(jobId: string): Promise<Job> {
  return unwrap(api.POST("/api/admin/jobs/{job_id}/cancel", { params: { path: { job_id: jobId } } }));
}

/** Ask for everything anew, after something was changed. */
export function invalidateAdmin(client: QueryClient): Promise<void> {
  return client.invalidateQueries({ queryKey: [KEY] });
}
