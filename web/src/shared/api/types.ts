/** The wire types that features use, named once; all derive from the generated schema. */
import type { paths } from "./schema";

type Answer<P extends keyof paths, M extends keyof paths[P], S extends number = 200> = paths[P][M] extends {
  responses: infer R;
}
  ? R extends Record<S, { content: { "application/json": infer T } }>
    ? T
    : never
  : never;

export type ServerInfo = Answer<"/api/servers/info", "get">;
export type User = Answer<"/api/auth/me", "get">;
export type Photo = Answer<"/api/photos/{photo_id}", "get">;
export type PhotoStatus = Photo["status"];
export type Step = Photo["steps"][number];
export type TimelineMonths = Answer<"/api/timeline", "get">;
export type MonthColumns = Answer<"/api/timeline/{month}", "get">;
export type UploadSession = Answer<"/api/upload-sessions", "post", 201>;
export type CompletedUpload = Answer<"/api/upload-sessions/{upload_id}/complete", "post">;
export type TrashPage = Answer<"/api/trash", "get">;
export type RememberedPage = Answer<"/api/tombstones", "get">;
export type Remembered = RememberedPage["items"][number];
export type Download = Answer<"/api/downloads", "post", 201>;
export type NodeStatus = Answer<"/api/admin/status", "get">;
export type Queue = Answer<"/api/admin/queues", "get">["items"][number];
export type JobPage = Answer<"/api/admin/jobs", "get">;
export type Job = JobPage["items"][number];
export type JobStatus = Job["status"];
export type Schedule = Answer<"/api/admin/schedules", "get">["items"][number];
export type Readiness = Answer<"/api/health/ready", "get">;
