import * as Dialog from "@radix-ui/react-dialog";
import { useQuery } from "@tanstack/react-query";
import { type KeyboardEvent, type ReactElement, useRef, useState } from "react";

import { explain, originalUrl } from "@/shared/api";
import { formatDay } from "@/shared/lib/format";
import { Icon, IconButton, Notice } from "@/shared/ui";

import { photoQuery } from "../api";
import { slideOf, type SlidePhoto } from "../model/slide";
import { InfoPanel } from "./info-panel";
import styles from "./lightbox.module.css";
import { Stage } from "./stage";

interface LightboxProps {
  photoId: string;
  /** The photo as the timeline knows it; its details fill in when it does not. */
  current: SlidePhoto | null;
  previous: SlidePhoto | null;
  next: SlidePhoto | null;
  onGo: (photoId: string) => void;
  /** Move the photo to the trash; not given where it cannot be. */
  onTrash?: () => void;
  onClose: () => void;
}

export function Lightbox({ photoId, current, previous, next, onGo, onTrash, onClose }: LightboxProps): ReactElement {
  const { data: photo, error, isError } = useQuery(photoQuery(photoId));
  const [hasInfo, setInfo] = useState(false);
  const contentRef = useRef<HTMLDivElement>(null);
  const date = photo === undefined ? "" : formatDay(photo.takenLocal.slice(0, 10));
  const isGone = isError && photo === undefined;
  const go = (target: SlidePhoto | null) => {
    if (target !== null) onGo(target.id);
  };

  const handleKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowLeft") go(previous);
    else if (event.key === "ArrowRight") go(next);
    else if (event.key === "i") setInfo((shown) => !shown);
    else if (event.key === "Delete" && !event.repeat && onTrash !== undefined) onTrash();
    else return;
    event.preventDefault();
  };

  return (
    <Dialog.Root open onOpenChange={onClose}>
      <Dialog.Portal>
        <Dialog.Content
          ref={contentRef}
          className={styles["lightbox"]}
          aria-describedby={undefined}
          tabIndex={-1}
          onKeyDown={handleKey}
          // The keys belong to the photo, so the whole is focused, not its first button.
          onOpenAutoFocus={(event) => {
            event.preventDefault();
            contentRef.current?.focus();
          }}
          // The grid puts the focus on the tile of the photo itself.
          onCloseAutoFocus={(event) => {
            event.preventDefault();
          }}
        >
          <div className={styles["main"]}>
            <Stage
              current={slideOf(photo) ?? current}
              previous={previous}
              next={next}
              label={photo === undefined ? "Photo" : `${photo.filename}, ${date}`}
              onPrevious={() => {
                go(previous);
              }}
              onNext={() => {
                go(next);
              }}
              onClose={onClose}
            />
            <header className={styles["bar"]}>
              <IconButton icon="close" label="Close (Escape)" onClick={onClose} />
              <Dialog.Title className={styles["title"]}>
                <span>{photo?.filename ?? "Photo"}</span>
                <small>{date}</small>
              </Dialog.Title>
              {!isGone && (
                <a
                  className={styles["download"]}
                  href={originalUrl(photoId)}
                  download={photo?.filename ?? ""}
                  aria-label="Download original"
                  title="Download original"
                >
                  <Icon name="download" />
                </a>
              )}
              {!isGone && onTrash !== undefined && (
                <IconButton icon="trash" label="Move to the trash (Delete)" onClick={onTrash} />
              )}
              <IconButton
                icon="info"
                label={hasInfo ? "Hide info (I)" : "Show info (I)"}
                aria-pressed={hasInfo}
                onClick={() => {
                  setInfo(!hasInfo);
                }}
              />
            </header>
            {isGone && (
              <div className={styles["error"]}>
                <Notice tone="warning">{explain(error)}</Notice>
              </div>
            )}
            {previous !== null && (
              <IconButton
                className={styles["previous"]}
                icon="left"
                label="Previous photo (←)"
                onClick={() => {
                  go(previous);
                }}
              />
            )}
            {next !== null && (
              <IconButton
                className={styles["next"]}
                icon="right"
                label="Next photo (→)"
                onClick={() => {
                  go(next);
                }}
              />
            )}
          </div>
          {hasInfo && (
            <InfoPanel
              photo={photo}
              onClose={() => {
                setInfo(false);
              }}
            />
          )}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
