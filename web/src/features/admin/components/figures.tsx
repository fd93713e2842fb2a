import type { CSSProperties, ReactElement, ReactNode } from "react";

import type { NodeStatus, Queue } from "@/shared/api";
import { formatAgo, formatBytes, formatCount } from "@/shared/lib/format";
import { useNow } from "@/shared/lib/use-now";

import { ageOf, diskParts, diskText, estimate, perMinute, totalsOf } from "../model/figures";
import { diskVerdict } from "../model/words";
import styles from "./admin.module.css";
import { Verdict } from "./live";

interface FiguresProps {
  status: NodeStatus;
  /** Null while they are not known. */
  queues: readonly Queue[] | null;
}

export function Figures({ status, queues }: FiguresProps): ReactElement {
  const nowMs = useNow();
  const totals = queues === null ? null : totalsOf(queues);
  const { photos, originals, derivatives } = status;
  return (
    <div className={styles["figures"]}>
      <Figure label="Jobs per minute" value={totals === null ? "…" : perMinute(totals.completedLastHour)}>
        over the last hour
      </Figure>
      <Figure label="Waiting jobs" value={totals === null ? "…" : estimate(totals.waiting, totals.isEstimate.waiting)}>
        {totals !== null &&
          `${formatCount(totals.running)} running · oldest ${ageOf(totals.oldestWaitingSince, nowMs)}`}
      </Figure>
      <Figure
        label="Failed jobs"
        value={totals === null ? "…" : estimate(totals.failed, totals.isEstimate.failed)}
        isBad={totals !== null && totals.failed > 0}
      >
        for good, until tried again
      </Figure>
      <Figure label="Photos" value={photos === null ? "–" : formatCount(photos.total)}>
        {photos === null
          ? "not counted yet"
          : `${formatCount(photos.trashed)} in the trash · counted ${formatAgo(photos.measuredAt, nowMs)}`}
      </Figure>
      <Figure label="Originals" value={originals === null ? "–" : formatBytes(originals.sizeBytes)}>
        {originals === null ? "not counted yet" : `${formatCount(originals.count)} files`}
      </Figure>
      <Figure label="Cache" value={derivatives === null ? "–" : formatBytes(derivatives.sizeBytes)}>
        {derivatives === null
          ? "not measured yet"
          : `thumbnails and previews of ${formatCount(derivatives.count)} photos`}
      </Figure>
      <Disk disk={status.disk} />
    </div>
  );
}

interface FigureProps {
  label: string;
  value: string;
  isBad?: boolean;
  children: ReactNode;
}

function Figure({ label, value, isBad = false, children }: FigureProps): ReactElement {
  return (
    <section className={styles["card"]} aria-label={label} data-bad={isBad}>
      <h2>{label}</h2>
      <p className={styles["value"]}>{value}</p>
      <p className={styles["hint"]}>{children}</p>
    </section>
  );
}

function Disk({ disk }: { disk: NodeStatus["disk"] }): ReactElement {
  const { used, lowAt, fullAt } = diskParts(disk);
  const { label, tone } = diskVerdict(disk);
  const marks = { "--used": used, "--low": lowAt, "--full": fullAt } as CSSProperties;
  return (
    <section className={styles["disk"]} aria-label="Disk">
      <h2>
        Disk <Verdict tone={tone}>{label}</Verdict>
      </h2>
      <p className={styles["value"]}>
        {formatBytes(disk.freeBytes)} <small>free of {formatBytes(disk.totalBytes)}</small>
      </p>
      <div
        className={styles["bar"]}
        style={marks}
        data-tone={tone}
        role="meter"
        aria-label="Used part of the disk"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(used * 100)}
      >
        <span data-part="used" />
        <span data-part="low" />
        <span data-part="full" />
      </div>
      <p className={styles["hint"]}>
        {diskText(disk)} Below {formatBytes(disk.lowBelowBytes)} free the cache is emptied, below{" "}
        {formatBytes(disk.fullBelowBytes)} uploads are refused.
      </p>
    </section>
  );
}
