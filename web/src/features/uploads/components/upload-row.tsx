import type { ReactElement } from "react";

import { formatBytes } from "@/shared/lib/format";
import { Icon, IconButton } from "@/shared/ui";

import {
  declineLink,
  phaseText,
  type Phase,
  STEP_NAMES,
  type StepName,
  stepStates,
  type StepState,
  type UploadItem,
} from "../model/item";
import styles from "./upload-row.module.css";
import { useUploads } from "./uploads-context";

const STEP_LABELS: Readonly<Record<StepName, string>> = {
  upload: "Upload",
  ingest: "Ingest",
  process: "Process",
  store: "Store",
};

const STATE_LABELS: Readonly<Record<StepState, string>> = {
  todo: "to do",
  active: "running",
  done: "done",
  failed: "failed",
};

/** Phases whose words need the room of the size. */
const SAYS_MORE: ReadonlySet<Phase> = new Set(["failed", "kept", "declined"]);

export function UploadRow({ item }: { item: UploadItem }): ReactElement {
  const { manager, visit } = useUploads();
  const text = phaseText(item);
  const link = declineLink(item);
  return (
    <div className={styles["row"]} data-phase={item.phase} data-testid="upload-row">
      <div className={styles["text"]}>
        <p className={styles["name"]} title={item.folder === "" ? item.name : `${item.folder}/${item.name}`}>
          {item.name}
        </p>
        <p className={styles["state"]} title={text}>
          {SAYS_MORE.has(item.phase) ? text : `${formatBytes(item.sizeBytes)} · ${text}`}
        </p>
        {link !== null && (
          <button
            type="button"
            className={styles["link"]}
            onClick={() => {
              visit(item.declined === "in-trash" ? "trash" : "remembered");
            }}
          >
            {link}
          </button>
        )}
      </div>
      <End item={item} />
      {item.phase === "failed" && (
        <IconButton
          icon="retry"
          label={`Retry ${item.name}`}
          onClick={() => {
            manager.retry(item.id);
          }}
        />
      )}
    </div>
  );
}

function End({ item }: { item: UploadItem }): ReactElement {
  if (item.phase === "stored" || item.phase === "duplicate") {
    return (
      <span className={styles["end"]} data-phase={item.phase}>
        <Icon name="check" size={18} />
      </span>
    );
  }
  if (item.phase === "declined") {
    return (
      <span className={styles["end"]} data-phase="declined">
        <Icon name={item.declined === "in-trash" ? "trash" : "memory"} size={18} />
      </span>
    );
  }
  const states = stepStates(item);
  return (
    <ol className={styles["steps"]} aria-label="Steps">
      {STEP_NAMES.map((step) => (
        <li key={step} data-state={states[step]} title={`${STEP_LABELS[step]}: ${STATE_LABELS[states[step]]}`}>
          <span className="visually-hidden">
            {STEP_LABELS[step]}: {STATE_LABELS[states[step]]}
          </span>
        </li>
      ))}
    </ol>
  );
}
