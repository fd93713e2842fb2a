/** The mock's state of a node that is at work: figures move with the clock. */
const STEPS = ["metadata", "derive", "offload", "sidecar", "checksum-scan"];
const STATUSES = ["running", "pending", "failed", "completed", "completed", "completed"] as const;
const JOBS = 130;
const STARTED = Date.now() - 3 * 86_400_000 - 7_000_000;
const MINE = "01900000-0000-7000-8000-aaaaaaaaaaaa";
const OTHER = "01900000-0000-7000-8000-bbbbbbbbbbbb";
const paused = new Map<string, string>();
const changed = new Map<string, string>();

function ago(ms: number): string {
  return new Date(Date.now() - ms).toISOString();
}

function queue(name: string, index: number): Record<string, unknown> {
  const isBusy = index < 2;
  return {
    name,
    waiting: isBusy ? 12_000 * (2 - index) + Math.round((Date.now() / 1000) % 300) : 0,
    running: isBusy ? 2 : 0,
    failed: name === "derive" ? 14 : 0,
    isEstimate: isBusy && index === 0,
    oldestWaitingSince: isBusy ? ago(95_000 * (index + 1)) : null,
    completedLastHour: 3_210 - index * 700,
    failedLastHour: index === 1 ? 3 : 0,
    retriedLastHour: index,
    meanDurationMs: 12.4 * (index + 1) ** 3,
    paused: paused.has(name),
    pausedAt: paused.get(name) ?? null,
    pausedBy: paused.has(name) ? MINE : null,
  };
}

function job(index: number): Record<string, unknown> {
  const id = `01900000-0000-7000-9000-${index.toString(16).padStart(12, "0")}`;
  const status = changed.get(id) ?? STATUSES[index % STATUSES.length] ?? "completed";
  const type = STEPS[index % STEPS.length] ?? "derive";
  const isFailed = status === "failed";
  const isEnded = isFailed || status === "completed";
  return {
    id,
    type,
    status,
    photoId: `01900000-0000-7000-8000-${(index * 3).toString(16).padStart(12, "0")}`,
    ownerId: index % 4 === 0 ? OTHER : MINE,
    payload: {
      step: type,
      version: 3,
      algorithm: "afterglow-1",
      priority: 0,
      reason: null,
      waits: 0,
      nextTryAt: status === "pending" ? ago(4_000) : null,
      leaseUntil: status === "running" ? ago(-30_000) : null,
    },
    workerId: status === "pending" ? null : "worker-7f3a",
    lockedAt: status === "running" ? ago(2_000) : null,
    attempts: isFailed ? 5 : 1,
    maxAttempts: 5,
    error: isFailed
      ? "The decoder gave up: the file ends in the middle of a scan (byte 1,048,576 of 4,213,877)."
      : null,
    errorCode: isFailed ? "imaging.truncated" : null,
    createdAt: ago(index * 47_000 + 9_000),
    startedAt: status === "pending" ? null : ago(index * 47_000 + 5_000),
    finishedAt: isEnded ? ago(index * 47_000 + 3_600) : null,
  };
}

function jobs(query: URLSearchParams): Record<string, unknown> {
  const matching = Array.from({ length: JOBS }, (_, index) => job(index)).filter((one) =>
    ["status", "type", "photoId"].every((name) => !query.has(name) || query.get(name) === one[name]),
  );
  const from = Number(query.get("cursor") ?? 0);
  const end = from + Number(query.get("limit") ?? 50);
  return { items: matching.slice(from, end), nextCursor: end < matching.length ? String(end) : null };
}

function schedule(name: string, index: number): Record<string, unknown> {
  const status = (["ok", "ok", "failed", "new", "running"] as const)[index % 5];
  return {
    name,
    cron: `${(index * 7) % 60} ${index % 24} * * *`,
    status,
    nextRunAt: ago(-3_600_000 * (index + 1)),
    lastRunAt: status === "new" ? null : ago(3_600_000 * (index + 1)),
    lastFinishedAt: status === "ok" ? ago(3_600_000 * (index + 1) - 4_000) : null,
    lastFailedAt: status === "failed" ? ago(3_600_000) : null,
    lastError: status === "failed" ? "The second copy is not mounted." : null,
  };
}

function status(): Record<string, unknown> {
  return {
    version: "0.4.0",
    role: "home",
    startedAt: new Date(STARTED).toISOString(),
    uptimeS: (Date.now() - STARTED) / 1000,
    disk: {
      totalBytes: 2_000_000_000_000,
      freeBytes: 612_000_000_000,
      lowBelowBytes: 200_000_000_000,
      fullBelowBytes: 100_000_000_000,
      state: "ok",
    },
    database: { version: "18.1", revision: "0008_trash", sizeBytes: 812_000_000 },
    photos: { total: 118_204, byStatus: { STORED: 118_100, PROCESSING: 104 }, trashed: 212, measuredAt: ago(42_000) },
    originals: { count: 121_998, sizeBytes: 612_400_000_000, measuredAt: ago(42_000) },
    derivatives: { count: 117_900, sizeBytes: 38_200_000_000, measuredAt: ago(42_000) },
    failuresLastDay: [
      { step: "derive", code: "imaging.truncated", count: 14 },
      { step: "offload", code: "storage.unreachable", count: 2 },
    ],
    workers: [1, 2].map((index) => ({
      id: `01900000-0000-7000-8000-cccccccccc0${index}`,
      kind: "worker",
      name: `worker-7f3${index}`,
      version: "0.4.0",
      startedAt: new Date(STARTED).toISOString(),
      seenAt: ago(4_000),
      running: 2,
      residentBytes: 118_000_000 + index * 4_000_000,
    })),
  };
}

function readiness(): Record<string, unknown> {
  const isIll = Boolean(process.env["MOCK_ILL"]);
  const parts = ["database", "migrations", "storage", "workers"].map((name) => ({ name, ok: true, problem: null }));
  const ill = { name: "second-copy", ok: !isIll, problem: isIll ? "The folder is not mounted." : null };
  return { status: isIll ? "ill" : "ok", parts: [...parts, ill] };
}

/** Return the answer to a call; null when there is no such thing. */
export function serveAdmin(method: string, path: string, query: URLSearchParams): Record<string, unknown> | null {
  const [, , area, kind, name = "", action] = path.split("/");
  if (area === "health") return readiness();
  if (kind === "status") return status();
  if (kind === "schedules") {
    const names = ["evict_derivatives", "spool_expiry", "scrub", "tombstone_purge", "trash_purge", "vacuum"];
    return { items: names.map(schedule) };
  }
  if (kind === "queues") {
    if (action === "pause") paused.set(name, new Date().toISOString());
    if (action === "resume") paused.delete(name);
    if (action === "retry") return { count: 14, hasMore: false };
    const queues = STEPS.map(queue);
    return name === "" ? { items: queues } : (queues.find((one) => one["name"] === name) ?? null);
  }
  if (name === "") return jobs(query);
  if (method === "POST") changed.set(name, action === "retry" ? "pending" : "completed");
  const index = Number.parseInt(name.slice(-12), 16);
  return index < JOBS ? job(index) : null;
}
