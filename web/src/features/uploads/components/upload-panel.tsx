import { type ReactElement, useState } from "react";

import { plural } from "@/shared/lib/format";
import { Button, Icon, IconButton } from "@/shared/ui";

import { type Summary, summarize } from "../model/item";
import { account, headline } from "../model/summary-text";
import { UploadList } from "./upload-list";
import styles from "./upload-panel.module.css";
import { useUploadItems, useUploads } from "./uploads-context";

/** The card in the corner that accounts for every file. */
export function UploadPanel(): ReactElement | null {
  const items = useUploadItems();
  const { manager, skipped } = useUploads();
  const [isOpen, setOpen] = useState(true);
  if (items.length === 0) return null;
  const summary = summarize(items);

  return (
    <section className={styles["panel"]} aria-label="Uploads" data-open={isOpen}>
      <header className={styles["header"]}>
        <span className={styles["mark"]} data-tone={toneOf(summary)}>
          <Icon name={iconOf(summary)} />
        </span>
        <div className={styles["text"]} role="status">
          <h2>{headline(summary)}</h2>
          <p>{account(summary)}</p>
        </div>
        <IconButton
          icon={isOpen ? "down" : "up"}
          label={isOpen ? "Hide the files" : "Show the files"}
          aria-expanded={isOpen}
          onClick={() => {
            setOpen(!isOpen);
          }}
        />
        {summary.isEnded && (
          <IconButton
            icon="close"
            label="Close uploads"
            onClick={() => {
              manager.clearEnded();
            }}
          />
        )}
      </header>
      <div
        className={styles["progress"]}
        role="progressbar"
        aria-label="Upload progress"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.floor(summary.progress * 100)}
      >
        <span style={{ transform: `scaleX(${summary.progress})` }} />
      </div>
      {isOpen && (
        <>
          {skipped > 0 && (
            <p className={styles["skipped"]}>
              {plural(skipped, "other file")} in the folders {skipped === 1 ? "is" : "are"} neither photo nor video and{" "}
              {skipped === 1 ? "was" : "were"} left out.
            </p>
          )}
          <UploadList items={items} />
          {(summary.failed > 0 || summary.isTransferring) && (
            <footer className={styles["footer"]}>
              {summary.isTransferring && (
                <Button
                  onClick={() => {
                    manager.cancelAll();
                  }}
                >
                  Cancel the rest
                </Button>
              )}
              {summary.failed > 0 && (
                <Button
                  icon="retry"
                  onClick={() => {
                    manager.retryFailed();
                  }}
                >
                  Retry {plural(summary.failed, "failure")}
                </Button>
              )}
            </footer>
          )}
        </>
      )}
    </section>
  );
}

function toneOf({ failed, kept, isEnded }: Summary): "busy" | "warning" | "ok" {
  if (failed + kept > 0) return "warning";
  return isEnded ? "ok" : "busy";
}

function iconOf(summary: Summary): "warning" | "check" | "upload" {
  return ({ busy: "upload", warning: "warning", ok: "check" } as const)[toneOf(summary)];
}
