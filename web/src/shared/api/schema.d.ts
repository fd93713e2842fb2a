// Hand-written stand-in in the shape that `npm run openapi` generates; replaced by the generated file.
interface Json<T> {
  headers: Record<string, unknown>;
  content: { "application/json": T };
}
interface NoContent {
  headers: Record<string, unknown>;
  content?: never;
}
interface Params {
  query?: never;
  header?: never;
  path?: never;
  cookie?: never;
}
interface Get<T, P = Params> {
  parameters: P;
  requestBody?: never;
  responses: { 200: Json<T> };
}
interface Post<B, R, P = Params> {
  parameters: P;
  requestBody: { content: { "application/json": B } };
  responses: R;
}
interface ById {
  query?: never;
  header?: never;
  path: { id: string };
  cookie?: never;
}

interface User {
  id: string;
  email: string;
  name: string;
  role: string;
}
interface Tokens {
  user: User;
  accessToken: string;
  refreshToken?: string | null;
  expiresIn: number;
}
interface Step {
  step: string;
  state: "waiting" | "running" | "done" | "failed" | "skipped";
  reason?: string | null;
  attempts: number;
  version: number;
  error?: string | null;
  nextTryAt?: string | null;
}
interface Receipt {
  state: "received" | "stored" | "replicated";
  at: string;
}
interface Photo {
  id: string;
  ownerId: string;
  status: "UPLOADED" | "INGESTED" | "PROCESSING" | "PROCESSED" | "STORED" | "FAILED";
  isProcessing: boolean;
  isStored: boolean;
  checksum: string;
  size: number;
  kind: "photo" | "video";
  mime: string;
  filename: string;
  width?: number | null;
  height?: number | null;
  durationMs?: number | null;
  takenAt?: string | null;
  takenLocal: string;
  offsetMinutes?: number | null;
  takenSource?: string | null;
  place?: {
    latitude: number;
    longitude: number;
    city?: string | null;
    region?: string | null;
    country?: string | null;
  } | null;
  camera?: {
    make?: string | null;
    model?: string | null;
    lens?: string | null;
    iso?: number | null;
    aperture?: number | null;
    exposure?: string | null;
    focalLength?: number | null;
  } | null;
  placeholder?: string | null;
  ratio: number;
  favorite: boolean;
  description?: string | null;
  v: number;
  steps: Step[];
  receipt?: Receipt | null;
  createdAt: string;
  updatedAt: string;
}
interface Months {
  months: { month: string; count: number }[];
  version: string | number;
}
interface MonthColumns {
  month: string;
  version: string | number;
  ids: string[];
  ratios: number[];
  placeholders: (string | null)[];
  takenLocal: string[];
  days: [string, number][];
  kinds: ("photo" | "video")[];
  statuses: Photo["status"][];
  v: number[];
  favorites: boolean[];
  durations: (number | null)[];
}
interface UploadSession {
  id: string;
  uploadUrl: string;
  chunkSize: number;
  offset: number;
  expiresAt?: string | null;
  alreadyExists: boolean;
  photoId?: string | null;
  tombstoned?: boolean | null;
}

export interface paths {
  "/api/servers/info": {
    get: Get<{ serverId: string; name: string; version: string; role: string; claimed: boolean }>;
  };
  "/api/servers/claim": {
    post: Post<{ code: string; email: string; password: string; name: string; cookie?: boolean }, { 201: Json<Tokens> }>;
  };
  "/api/auth/login": { post: Post<{ email: string; password: string; cookie?: boolean }, { 200: Json<Tokens> }> };
  "/api/auth/refresh": { post: Post<{ refreshToken?: string; cookie?: boolean }, { 200: Json<Tokens> }> };
  "/api/auth/logout": { post: { parameters: Params; requestBody?: never; responses: { 204: NoContent } } };
  "/api/auth/me": { get: Get<User> };
  "/api/timeline": { get: Get<Months> };
  "/api/timeline/{month}": {
    get: Get<MonthColumns, { query?: never; header?: never; path: { month: string }; cookie?: never }>;
  };
  "/api/photos/{id}": { get: Get<Photo, ById> };
  "/api/upload-sessions": {
    post: Post<
      { filename: string; size: number; checksum?: string; modifiedAt?: string },
      { 200: Json<UploadSession>; 201: Json<UploadSession> }
    >;
  };
  "/api/upload-sessions/{id}": {
    get: Get<{ offset: number; size: number; state: string }, ById>;
    delete: { parameters: ById; requestBody?: never; responses: { 204: NoContent } };
  };
  "/api/upload-sessions/{id}/complete": {
    post: {
      parameters: ById;
      requestBody?: never;
      responses: { 200: Json<{ photoId: string; receipt: Receipt }> };
    };
  };
}
