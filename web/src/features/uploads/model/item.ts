/** One file on its way into the library, and what is said about it. */

/**
 * waiting → hashing → uploading → finishing → processing → stored, or an end before: `duplicate` (the library has it),
 * `declined` (the server does not want it, by the person's own earlier wish), `kept` (in the library, but it cannot be
 * displayed), `failed` (not in the library).
 */
export type Phase =
  | "waiting"
  | "hashing"
  | "uploading"
  | "finishing"
  | "processing"
  | "stored"
  | "duplicate"
  | "declined"
  | "kept"
  | "failed";

/** Why the server does not want a file: the person deleted it for ever, or it lies in the trash. */
export type DeclineReason = "tombstoned" | "in-trash";

export interface UploadItem {
  readonly id: number;
  readonly name: string;
  /** Folder it came from, for people; empty for single files. */
  readonly folder: string;
  readonly sizeBytes: number;
  readonly phase: Phase;
  readonly sentBytes: number;
  readonly photoId: string | null;
  /** Whether the photo can be displayed; from then on only the storing is waited for. */
  readonly isProcessed: boolean;
  /** Why it failed, or why it waits. */
  readonly note: string | null;
  /** Why it was declined. */
  readonly declined: DeclineReason | null;
  /** The step that failed. */
  readonly failedAt: StepName | null;
}

export const STEP_NAMES = ["upload", "ingest", "process", "store"] as const;
export type StepName = (typeof STEP_NAMES)[number];
export type StepState = "todo" | "active" | "done" | "failed";

const ENDED: ReadonlySet<Phase> = new Set(["stored", "duplicate", "declined", "kept", "failed"]);
const TRANSFERS: ReadonlySet<Phase> = new Set(["waiting", "hashing", "uploading", "finishing"]);

export function isEnded({ phase }: UploadItem): boolean {
  return ENDED.has(phase);
}

/** Whether bytes are still to be sent: from then on the page may be closed. */
export function isTransferring({ phase }: UploadItem): boolean {
  return TRANSFERS.has(phase);
}

function activeStep(item: UploadItem): StepName | null {
  switch (item.phase) {
    case "waiting":
    case "hashing":
    case "uploading":
      return "upload";
    case "finishing":
      return "ingest";
    case "processing":
      return item.isProcessed ? "store" : "process";
    case "kept":
      return "process";
    case "failed":
      return item.failedAt ?? "upload";
    default:
      return null;
  }
}

/** Return the states of the four steps of the tracker. */
export function stepStates(item: UploadItem): Record<StepName, StepState> {
  const active = activeStep(item);
  const at = active === null ? STEP_NAMES.length : STEP_NAMES.indexOf(active);
  const stateOf = (step: number): StepState => {
    if (step < at) return "done";
    if (step > at || item.phase === "waiting") return "todo";
    return item.phase === "failed" || item.phase === "kept" ? "failed" : "active";
  };
  return { upload: stateOf(0), ingest: stateOf(1), process: stateOf(2), store: stateOf(3) };
}

/** Return what is going on, in words. */
export function phaseText(item: UploadItem): string {
  switch (item.phase) {
    case "waiting":
      return "Waiting";
    case "hashing":
      return "Checking whether it is new";
    case "uploading":
      return item.note ?? `Uploading ${percent(item.sentBytes, item.sizeBytes)} %`;
    case "finishing":
      return item.note ?? "Verifying";
    case "processing":
      return item.isProcessed ? "Storing the original" : "Making thumbnails";
    case "stored":
      return "Stored";
    case "duplicate":
      return "Already in your library";
    case "kept":
      return `Kept, but it cannot be displayed: ${item.note ?? "the reason is not known"}`;
    case "declined":
      return item.declined === null ? "Not taken" : DECLINED[item.declined].text;
    case "failed":
      return item.note ?? "Failed";
  }
}

const DECLINED: Readonly<Record<DeclineReason, { text: string; link: string }>> = {
  tombstoned: { text: "Not taken: you deleted it for ever", link: "Remembered deletions" },
  "in-trash": { text: "Not taken: it is in your trash", link: "Open the trash" },
};

/** Return what leads to where a declined file can be had again; null when it was not declined. */
export function declineLink({ declined }: UploadItem): string | null {
  return declined === null ? null : DECLINED[declined].link;
}

export function percent(part: number, whole: number): number {
  return whole <= 0 ? 0 : Math.floor((Math.min(part, whole) / whole) * 100);
}

export interface Summary {
  total: number;
  /** Files whose bytes are at the server, whatever happens next. */
  sent: number;
  stored: number;
  duplicates: number;
  declined: number;
  kept: number;
  failed: number;
  processing: number;
  isTransferring: boolean;
  isEnded: boolean;
  /** Bytes done of all bytes (0-1). */
  progress: number;
}

function doneBytes(item: UploadItem): number {
  return isTransferring(item) ? Math.min(item.sentBytes, item.sizeBytes) : item.sizeBytes;
}

/** Return the account of all files: every file is counted exactly once. */
export function summarize(items: readonly UploadItem[]): Summary {
  const count = (phase: Phase) => items.filter((item) => item.phase === phase).length;
  const transferring = items.filter(isTransferring).length;
  const allBytes = items.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const done = items.reduce((sum, item) => sum + doneBytes(item), 0);
  return {
    total: items.length,
    sent: items.length - transferring,
    stored: count("stored"),
    duplicates: count("duplicate"),
    declined: count("declined"),
    kept: count("kept"),
    failed: count("failed"),
    processing: count("processing"),
    isTransferring: transferring > 0,
    isEnded: items.every(isEnded),
    progress: allBytes === 0 ? (transferring > 0 ? 0 : 1) : done / allBytes,
  };
}
