/** Figures of a node for tests; only what a test says is special. */
import type { Job, NodeStatus, Queue } from "@/shared/api";

export function queueWith(change: Partial<Queue> = {}): Queue {
  return {
    name: "derive",
    waiting: 0,
    running: 0,
    failed: 0,
    isEstimate: false,
    oldestWaitingSince: null,
    completedLastHour: 0,
    failedLastHour: 0,
    retriedLastHour: 0,
    meanDurationMs: null,
    paused: false,
    pausedAt: null,
    pausedBy: null,
    ...change,
  };
}

export function statusWith(change: Partial<NodeStatus> = {}): NodeStatus {
  return {
    version: "0.4.0",
    role: "home",
    startedAt: "2024-06-30T12:00:00Z",
    uptimeS: 7_300,
    disk: { totalBytes: 1000e9, freeBytes: 400e9, lowBelowBytes: 100e9, fullBelowBytes: 50e9, state: "ok" },
    database: { version: "18.1", revision: "0008_trash", sizeBytes: 80e6 },
    photos: null,
    originals: null,
    derivatives: null,
    failuresLastDay: [],
    workers: [],
    ...change,
  };
}

export function jobWith(change: Partial<Job> = {}): Job {
  return {
    id: "01900000-0000-7000-9000-000000000001",
    type: "derive",
    status: "failed",
    photoId: "01900000-0000-7000-8000-000000000001",
    ownerId: "01900000-0000-7000-8000-00000000000a",
    payload: {
      step: "derive",
      version: 3,
      algorithm: "derive-3",
      priority: 0,
      reason: null,
      waits: 0,
      nextTryAt: null,
      leaseUntil: null,
    },
    workerId: "worker-1",
    lockedAt: null,
    attempts: 5,
    maxAttempts: 5,
    error: "The file ends too early.",
    errorCode: "imaging.truncated",
    createdAt: "2024-06-30T12:00:00Z",
    startedAt: "2024-06-30T12:00:01Z",
    finishedAt: "2024-06-30T12:00:03Z",
    ...change,
  };
}
