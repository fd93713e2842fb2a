import type { ReactElement } from "react";

import { formatBytes } from "@/shared/lib/format";
import { Icon, IconButton } from "@/shared/ui";

import { phaseText, STEP_NAMES, type StepName, stepStates, type StepState, type UploadItem } from "../model/item";
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

export function UploadRow({ item }: { item: UploadItem }): ReactElement {
  const { manager } = useUploads();
  const text = phaseText(item);
  return (
    <div className={styles["row"]} data-phase={item.phase} data-testid="upload-row">
      <div className={styles["text"]}>
        <p className={styles["name"]} title={item.folder === "" ? item.name : `${item.folder}/${item.name}`}>
          {item.name}
        </p>
        <p className={styles["state"]} title={text}>
          {item.phase === "failed" || item.phase === "kept" ? text : `${formatBytes(item.sizeBytes)} · ${text}`}
        </p>
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
