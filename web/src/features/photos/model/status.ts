/** What a photo's status and steps mean, in words. */
import type { Photo, PhotoStatus, Step } from "@/shared/api";

export type Tone = "ok" | "busy" | "warning" | "neutral";

interface Meaning {
  label: string;
  tone: Tone;
}

const STATUSES: Readonly<Record<PhotoStatus, Meaning>> = {
  UPLOADED: { label: "Uploaded", tone: "busy" },
  INGESTED: { label: "Received", tone: "busy" },
  PROCESSING: { label: "Processing", tone: "busy" },
  PROCESSED: { label: "Ready", tone: "ok" },
  STORED: { label: "Stored", tone: "ok" },
  FAILED: { label: "Needs attention", tone: "warning" },
};

const STEP_STATES: Readonly<Record<Step["state"], Meaning>> = {
  waiting: { label: "waiting", tone: "neutral" },
  running: { label: "running", tone: "busy" },
  done: { label: "done", tone: "ok" },
  failed: { label: "failed", tone: "warning" },
  skipped: { label: "skipped", tone: "neutral" },
};

const STEP_NAMES: Readonly<Record<string, string>> = {
  metadata: "Metadata",
  derive: "Thumbnails and preview",
  derivatives: "Thumbnails and preview",
  offload: "Original at home",
  sidecar: "Sidecar file",
  faces: "Faces",
  objects: "Objects",
  embedding: "Search",
  text: "Text",
  vehicle: "Vehicle",
};

const RECEIPTS: Readonly<Record<string, string>> = {
  received: "Received and verified",
  stored: "Original stored and verified",
  replicated: "Original stored twice and verified",
};

export function meaningOfStatus(status: PhotoStatus): Meaning {
  return STATUSES[status];
}

export function meaningOfStep(state: Step["state"]): Meaning {
  return STEP_STATES[state];
}

export function nameOfStep(step: string): string {
  return STEP_NAMES[step] ?? step.charAt(0).toUpperCase() + step.slice(1).replaceAll("_", " ");
}

export function nameOfReceipt(state: string): string {
  return RECEIPTS[state] ?? state;
}

/** Why a step is where it is, as far as the server says; null when there is nothing to say. */
export function reasonOfStep(step: Step): string | null {
  const reason = step.error ?? step.reason ?? null;
  return reason === "format.unsupported" ? "This format cannot be displayed yet; the original is kept." : reason;
}

/** Whether nothing more will happen to the photo by itself. */
export function isSettled(photo: Pick<Photo, "status" | "isProcessing">): boolean {
  return (
    photo.status === "STORED" || photo.status === "FAILED" || (photo.status === "PROCESSED" && !photo.isProcessing)
  );
}
