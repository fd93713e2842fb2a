/**
 * A stand-in for the real server, for work on the client: invented photos in any number, uploads kept in memory.
 *
 *     MOCK_PHOTOS=100000 MOCK_PORT=2499 npm run mock
 */
import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { extname } from "node:path";

import { serveAdmin } from "./admin.ts";
import { Library } from "./library.ts";
import { renderPng } from "./picture.ts";
import { Trash } from "./trash.ts";
import { monthColumns, photoDetails } from "./wire.ts";
import { zip } from "./zip.ts";

const PORT = Number(process.env["MOCK_PORT"] ?? 2499);
const PHOTOS = Number(process.env["MOCK_PHOTOS"] ?? 2000);
const CLAIM_CODE = process.env["AFTERGLOW_CLAIM_CODE"] ?? "CLAIM-ME";
const CHUNK_BYTES = 256 * 1024;
const DIST = new URL("../../dist/", import.meta.url);
/** The policy of the real server: what breaks it must break here. */
const CSP =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' blob: data:; " +
  "connect-src 'self'; worker-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'self'; " +
  "frame-ancestors 'none'";
const TYPES: Record<string, string> = { ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };

interface Session {
  filename: string;
  parts: Buffer[];
  offset: number;
}

const library = new Library(PHOTOS);
const trash = new Trash(library);
const sessions = new Map<string, Session>();
const archives = new Map<string, Buffer>();
const tokens = new Set<string>();
let owner: { email: string; password: string; name: string } | null = null;
if (process.env["MOCK_CLAIMED"]) owner = { email: "ada@example.org", password: "secret", name: "Ada" };

function send(response: ServerResponse, status: number, body: unknown): void {
  const type = status >= 400 ? "application/problem+json" : "application/json";
  response.writeHead(status, { "Content-Type": type, "Cache-Control": "no-store" }).end(JSON.stringify(body));
}

function problem(response: ServerResponse, status: number, code: string, detail: string, extra = {}): void {
  send(response, status, { type: "about:blank", code, detail, status, ...extra });
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

function sendPng(response: ServerResponse, seed: number, width: number, height: number): void {
  const headers = { "Content-Type": "image/png", "Cache-Control": "private, max-age=31536000, immutable" };
  response.writeHead(200, headers).end(renderPng(seed, width, height));
}

function serveFile(path: string, response: ServerResponse): void {
  const wanted = new URL(`.${path}`, DIST);
  const isFile = path !== "/" && existsSync(wanted) && statSync(wanted).isFile();
  const file = isFile ? wanted : new URL("index.html", DIST);
  const type = TYPES[extname(file.pathname)] ?? "text/html; charset=utf-8";
  response.writeHead(200, { "Content-Type": type, "Content-Security-Policy": CSP }).end(readFileSync(file));
}

function startSession(response: ServerResponse, status: number): void {
  const token = randomUUID();
  tokens.add(token);
  response.setHeader("Set-Cookie", `session=${token}; HttpOnly; SameSite=Lax; Path=/`);
  send(response, status, { user: { id: "1", role: "admin", ...owner }, accessToken: token, expiresIn: 900 });
}

function servePublic(path: string, body: Buffer, response: ServerResponse): boolean {
  if (path === "/api/servers/info") {
    send(response, 200, { serverId: "1", name: "mock", version: "0", role: "home", claimed: owner !== null });
  } else if (path === "/api/servers/claim") {
    const claim = JSON.parse(body.toString()) as { code: string; email: string; password: string; name: string };
    if (claim.code !== CLAIM_CODE) problem(response, 403, "server.claim-code", "This is not the claim code.");
    else {
      owner = claim;
      startSession(response, 201);
    }
  } else if (path === "/api/auth/login") {
    const login = JSON.parse(body.toString()) as { email: string; password: string };
    const isRight = login.email === owner?.email && login.password === owner.password;
    if (isRight) startSession(response, 200);
    else problem(response, 401, "auth.credentials", "E-mail or password is wrong.");
  } else if (path === "/api/auth/refresh") problem(response, 401, "auth.no-session", "There is no session.");
  else return false;
  return true;
}

function serveBytes(id: string, kind: string, query: URLSearchParams, response: ServerResponse): void {
  const photo = library.find(id);
  if (photo === undefined) problem(response, 404, "photo.not-found", "No such photo.");
  else if (kind === "thumbnail") {
    const size = Number(query.get("size"));
    sendPng(response, photo.seed, size, size === 400 ? Math.round(400 / photo.ratio) : size);
  } else if (kind === "preview") sendPng(response, photo.seed, 900, Math.round(900 / photo.ratio));
  else if (kind === "download") response.writeHead(302, { Location: `/api/photos/${id}/original?sig=1` }).end();
  else {
    const disposition = `attachment; filename="${photo.filename}"`;
    const headers = { "Content-Type": "application/octet-stream", "Content-Disposition": disposition };
    response.writeHead(200, headers).end(photo.bytes ?? renderPng(photo.seed, 64, 64));
  }
}

function serveUpload(path: string, query: URLSearchParams, body: Buffer, response: ServerResponse): void {
  const [, , , id = "", action] = path.split("/");
  if (id === "") {
    const { filename, checksum } = JSON.parse(body.toString()) as { filename: string; checksum: string };
    const known = library.findChecksum(checksum);
    const session = randomUUID();
    sessions.set(session, { filename, parts: [], offset: 0 });
    const isTombstoned = trash.refuses(checksum);
    const inTrash = known !== undefined && library.trashed.has(known.id);
    const extra = { alreadyExists: known !== undefined, photoId: known?.id, inTrash, tombstoned: isTombstoned };
    send(response, 201, { id: session, uploadUrl: "", chunkSize: CHUNK_BYTES, offset: 0, ...extra });
    return;
  }
  const session = sessions.get(id);
  if (session === undefined) problem(response, 404, "upload.not-found", "No such upload.");
  else if (action === "chunks") {
    if (Number(query.get("offset")) !== session.offset) {
      problem(response, 409, "upload.offset-mismatch", "Wrong offset.", { offset: session.offset });
      return;
    }
    session.parts.push(body);
    session.offset += body.length;
    send(response, 200, { offset: session.offset });
  } else if (/\.(txt|html?|svg)$/i.test(session.filename)) {
    problem(response, 415, "ingest.type", "This is not a photo or video that Afterglow knows.");
  } else {
    const photo = library.add(session.filename, Buffer.concat(session.parts));
    send(response, 200, {
      duplicate: false,
      inTrash: false,
      tombstoned: false,
      photoId: photo.id,
      receipt: { state: "stored", at: new Date().toISOString() },
    });
  }
}

function serveDownloads(body: Buffer, response: ServerResponse): void {
  const { photoIds } = JSON.parse(body.toString()) as { photoIds: string[] };
  const photos = photoIds.flatMap((id) => library.find(id) ?? []);
  // Now and then an original is gone, so that the client's warning can be seen.
  const held = photos.filter(({ fate }) => fate !== "failed");
  const missing = photos
    .filter(({ fate }) => fate === "failed")
    .map(({ id, filename }) => ({ photoId: id, filename, role: "primary", reason: "missing" }));
  const archive = zip(held.map(({ filename, bytes, seed }) => [filename, bytes ?? renderPng(seed, 64, 64)]));
  const id = randomUUID();
  archives.set(id, archive);
  const filename = "Afterglow.zip";
  send(response, 201, { url: `/api/downloads/${id}`, filename, size: archive.length, count: held.length, missing });
}

function serveArchive(id: string, response: ServerResponse): void {
  const archive = archives.get(id);
  if (archive === undefined) problem(response, 404, "download.not-found", "No such download.");
  else {
    const headers = {
      "Content-Type": "application/zip",
      "Content-Disposition": 'attachment; filename="Afterglow.zip"',
    };
    response.writeHead(200, { ...headers, "Content-Length": archive.length }).end(archive);
  }
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname: path, searchParams: query } = new URL(request.url ?? "/", "http://mock");
  if (!path.startsWith("/api/")) {
    serveFile(path, response);
    return;
  }
  const body = await readBody(request);
  const isUnsafe = request.method !== "GET" && request.method !== "HEAD";
  if (isUnsafe && request.headers["x-afterglow-client"] !== "web") {
    problem(response, 403, "auth.csrf", "The client header is missing.");
    return;
  }
  if (servePublic(path, body, response)) return;
  const token = /session=([\w-]+)/.exec(request.headers.cookie ?? "")?.[1] ?? "";
  if (!tokens.has(token)) problem(response, 401, "auth.token-expired", "Please log in.");
  else if (path === "/api/auth/logout") {
    tokens.delete(token);
    response.writeHead(204).end();
  } else if (path === "/api/auth/me") send(response, 200, { id: "1", role: "admin", ...owner });
  else if (path === "/api/timeline") send(response, 200, { months: library.counts(), version: library.version });
  else if (path.startsWith("/api/timeline/")) send(response, 200, monthColumns(library, path.split("/")[3] ?? ""));
  else if (path.startsWith("/api/upload-sessions")) serveUpload(path, query, body, response);
  else if (path.startsWith("/api/photos/")) {
    const [, , , id = "", kind] = path.split("/");
    const photo = library.find(id);
    if (request.method === "DELETE") {
      trash.move([id]);
      response.writeHead(204).end();
    } else if (kind !== undefined) serveBytes(id, kind, query, response);
    else if (photo === undefined) problem(response, 404, "photo.not-found", "No such photo.");
    else send(response, 200, photoDetails(photo, library.trashed.get(id) ?? null));
  } else if (path === "/api/downloads") serveDownloads(body, response);
  else if (path.startsWith("/api/downloads/")) serveArchive(path.split("/")[3] ?? "", response);
  else if (path.startsWith("/api/trash") || path.startsWith("/api/tombstones")) {
    const answer = trash.answer(request.method ?? "GET", path, query, body);
    if (answer === null) response.writeHead(204).end();
    else send(response, 200, answer);
  } else if (path.startsWith("/api/admin/") || path.startsWith("/api/health/")) {
    const answer = serveAdmin(request.method ?? "GET", path, query);
    if (answer === null) problem(response, 404, "job.not-found", "No such job.");
    else send(response, path === "/api/health/ready" && process.env["MOCK_ILL"] ? 503 : 200, answer);
  } else problem(response, 404, "http.404", "No such route.");
}

createServer((request, response) => void handle(request, response)).listen(PORT, "127.0.0.1", () => {
  console.log(`mock server on http://127.0.0.1:${PORT}`);
});
