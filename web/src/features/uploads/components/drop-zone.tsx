import { type ReactElement, useEffect, useState } from "react";

import { Icon } from "@/shared/ui";

import { readDrop } from "../read-drop";
import styles from "./drop-zone.module.css";
import { useUploads } from "./uploads-context";

function carriesFiles({ dataTransfer }: DragEvent): boolean {
  return dataTransfer?.types.includes("Files") ?? false;
}

/** Takes files that are dropped anywhere on the page, and shows that it would. */
export function DropZone(): ReactElement | null {
  const { add } = useUploads();
  const [isOver, setOver] = useState(false);

  useEffect(() => {
    const over = (event: DragEvent) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = (event: DragEvent) => {
      // Leaving the window has no element it goes to; moving between elements has.
      if (event.relatedTarget === null) setOver(false);
    };
    const drop = (event: DragEvent) => {
      setOver(false);
      if (!carriesFiles(event) || event.dataTransfer === null) return;
      event.preventDefault();
      void readDrop(event.dataTransfer).then(add);
    };
    document.addEventListener("dragenter", over);
    document.addEventListener("dragover", over);
    document.addEventListener("dragleave", leave);
    document.addEventListener("drop", drop);
    return () => {
      document.removeEventListener("dragenter", over);
      document.removeEventListener("dragover", over);
      document.removeEventListener("dragleave", leave);
      document.removeEventListener("drop", drop);
    };
  }, [add]);

  if (!isOver) return null;
  return (
    <div className={styles["overlay"]} aria-hidden="true">
      <div className={styles["target"]}>
        <Icon name="upload" size={48} />
        <p>Drop to add to your library</p>
      </div>
    </div>
  );
}
