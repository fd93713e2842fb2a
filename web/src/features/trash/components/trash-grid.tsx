import { type MouseEvent, type ReactElement, useRef } from "react";

import { type Photo, thumbnailUrl } from "@/shared/api";
import { formatDay, plural } from "@/shared/lib/format";
import type { Selection } from "@/shared/lib/selection";
import { sliceBetween } from "@/shared/lib/slice-between";
import { useNow } from "@/shared/lib/use-now";
import { useSelection } from "@/shared/lib/use-selection";
import { Icon, IconButton } from "@/shared/ui";

import { daysLeft, daysLeftText } from "../model/words";
import styles from "./trash-page.module.css";

/** From here on the days left are in orange. */
const SOON_DAYS = 7;
const TICK_MS = 60_000;

interface TrashGridProps {
  photos: readonly Photo[];
  retentionDays: number;
  selection: Selection;
  onOpen: (photoId: string) => void;
}

export function TrashGrid({ photos, retentionDays, selection, onOpen }: TrashGridProps): ReactElement | null {
  const { ids } = useSelection(selection);
  const nowMs = useNow(TICK_MS);
  const anchor = useRef<string | null>(null);

  const pick = (photo: Photo, event: MouseEvent) => {
    const range =
      event.shiftKey && anchor.current !== null
        ? sliceBetween(
            photos.map(({ id }) => id),
            anchor.current,
            photo.id,
          )
        : null;
    anchor.current = photo.id;
    if (range === null) selection.toggle(photo.id);
    else selection.add(range);
  };

  if (photos.length === 0) return null;
  return (
    <ul className={styles["grid"]}>
      {photos.map((photo) => (
        <li key={photo.id} className={styles["tile"]}>
          <TrashTile
            photo={photo}
            days={daysLeft(photo.deletedAt, retentionDays, nowMs)}
            isPicked={ids.has(photo.id)}
            onPick={pick}
            onOpen={onOpen}
          />
        </li>
      ))}
    </ul>
  );
}

interface TrashTileProps {
  photo: Photo;
  days: number;
  isPicked: boolean;
  onPick: (photo: Photo, event: MouseEvent) => void;
  onOpen: (photoId: string) => void;
}

function TrashTile({ photo, days, isPicked, onPick, onOpen }: TrashTileProps): ReactElement {
  const day = formatDay(photo.takenLocal.slice(0, 10));
  const left = days === 0 ? "deleted for ever today" : `deleted for ever in ${plural(days, "day")}`;
  return (
    <>
      <label className={styles["photo"]} data-picked={isPicked}>
        <input
          type="checkbox"
          checked={isPicked}
          aria-label={`${photo.filename}, ${day}, ${left}`}
          // The click knows of the shift key, the change does not.
          onClick={(event) => {
            onPick(photo, event);
          }}
          onChange={() => undefined}
        />
        {photo.v > 0 ? (
          <img src={thumbnailUrl(photo.id, 256, photo.v)} alt="" loading="lazy" decoding="async" draggable={false} />
        ) : (
          <span className={styles["none"]}>
            <Icon name="files" size={28} />
            {photo.filename}
          </span>
        )}
        <span className={styles["check"]}>{isPicked && <Icon name="check" size={16} />}</span>
        <span className={styles["days"]} data-soon={days <= SOON_DAYS}>
          {daysLeftText(days)}
        </span>
      </label>
      <IconButton
        className={styles["open"]}
        icon="expand"
        label={`Look at ${photo.filename}`}
        onClick={() => {
          onOpen(photo.id);
        }}
      />
    </>
  );
}
