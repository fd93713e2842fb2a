import { type CSSProperties, type ReactElement, useState } from "react";

import { previewUrl, thumbnailUrl } from "@/shared/api";
import { classNames } from "@/shared/lib/class-names";
import { Icon } from "@/shared/ui";

import type { SlidePhoto } from "../model/slide";
import styles from "./slide.module.css";

interface SlideProps {
  photo: SlidePhoto;
  label: string;
}

const MESSAGES = {
  processing: "This photo is still being processed.",
  failed: "This file cannot be displayed. The original is kept; you can download it.",
} as const;

/** The preview, with the thumbnail in its place until it has come. Never the original (DER-4). */
export function Slide({ photo, label }: SlideProps): ReactElement {
  const [loaded, setLoaded] = useState<{ v: number; widthPx: number } | null>(null);
  const [brokenV, setBrokenV] = useState(-1);
  const isShown = loaded?.v === photo.v;
  const isReady = photo.state === "ready" && brokenV !== photo.v;

  if (!isReady) {
    return (
      <div className={styles["message"]} role="status">
        <Icon name={photo.state === "processing" ? "retry" : "warning"} size={40} />
        <p>{MESSAGES[photo.state === "processing" ? "processing" : "failed"]}</p>
      </div>
    );
  }
  // Small photos are shown at most twice their size: larger they would only be blurred.
  const limit = isShown ? `${loaded.widthPx * 2}px` : "100cqw";
  return (
    <div className={styles["frame"]} style={{ "--ratio": photo.ratio, "--limit": limit } as CSSProperties}>
      <img className={styles["standIn"]} src={thumbnailUrl(photo.id, 400, photo.v)} alt="" draggable={false} />
      <img
        className={classNames(styles["preview"], isShown && styles["shown"])}
        src={previewUrl(photo.id, photo.v)}
        alt={label}
        draggable={false}
        onLoad={({ currentTarget }) => {
          setLoaded({ v: photo.v, widthPx: currentTarget.naturalWidth });
        }}
        onError={() => {
          setBrokenV(photo.v);
        }}
      />
      {photo.isVideo && (
        <span className={styles["video"]}>
          <Icon name="info" size={16} /> Video: download it to play
        </span>
      )}
    </div>
  );
}
