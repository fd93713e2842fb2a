import type { ReactElement } from "react";

import type { Photo } from "@/shared/api";
import { formatLocal } from "@/shared/lib/format";
import { Icon, IconButton, Notice } from "@/shared/ui";

import { factsOf } from "../model/details";
import { meaningOfStatus, meaningOfStep, nameOfReceipt, nameOfStep, reasonOfStep } from "../model/status";
import styles from "./info-panel.module.css";

const RECEIPT_TIME = { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" } as const;

interface InfoPanelProps {
  photo: Photo | undefined;
  onClose: () => void;
}

export function InfoPanel({ photo, onClose }: InfoPanelProps): ReactElement {
  return (
    <aside className={styles["panel"]} aria-label="About this photo">
      <header>
        <h2>Info</h2>
        <IconButton icon="close" label="Close info" onClick={onClose} />
      </header>
      {photo === undefined ? <p className={styles["muted"]}>Loading…</p> : <Facts photo={photo} />}
    </aside>
  );
}

function Facts({ photo }: { photo: Photo }): ReactElement {
  const status = meaningOfStatus(photo.status);
  return (
    <div className={styles["content"]}>
      {photo.damaged !== null && <Notice tone="warning">Shown as far as the file can be read: {photo.damaged}</Notice>}
      {photo.description !== "" && <p>{photo.description}</p>}
      <ul className={styles["facts"]}>
        {factsOf(photo).map((fact) => (
          <li key={fact.icon}>
            <Icon name={fact.icon} />
            <div>
              <p className={styles["title"]}>{fact.title}</p>
              {fact.lines.map((line) => (
                <p key={line} className={styles["muted"]}>
                  {line}
                </p>
              ))}
            </div>
          </li>
        ))}
        <li>
          <Icon name="shield" />
          <div>
            <p className={styles["title"]}>{nameOfReceipt(photo.receipt.state)}</p>
            <p className={styles["muted"]}>{formatLocal(photo.receipt.at, RECEIPT_TIME)} UTC</p>
            {photo.checksum !== null && (
              <p className={styles["checksum"]} title="SHA-256 of the original">
                {photo.checksum}
              </p>
            )}
          </div>
        </li>
      </ul>
      <section className={styles["steps"]} aria-label="Processing">
        <h3>
          Processing <span data-tone={status.tone}>{status.label}</span>
        </h3>
        <ol>
          {photo.steps.map((step) => (
            <StepLine key={step.step} step={step} />
          ))}
        </ol>
      </section>
    </div>
  );
}

function StepLine({ step }: { step: Photo["steps"][number] }): ReactElement {
  const meaning = meaningOfStep(step.state);
  const reason = reasonOfStep(step);
  return (
    <li>
      <span className={styles["dot"]} data-tone={meaning.tone} aria-hidden="true" />
      <div>
        <p>
          {nameOfStep(step.step)} <span className={styles["muted"]}>{meaning.label}</span>
        </p>
        {reason !== null && <p className={styles["reason"]}>{reason}</p>}
      </div>
    </li>
  );
}
