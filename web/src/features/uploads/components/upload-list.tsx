import { type ReactElement, useState } from "react";

import type { UploadItem } from "../model/item";
import { rowWindow } from "../model/window";
import styles from "./upload-list.module.css";
import { UploadRow } from "./upload-row";

const ROW_PX = 60;
const LIST_PX = 300;

const needsAttention = ({ phase }: UploadItem) => phase === "failed" || phase === "kept";

/** The files, failures first; only the rows in view exist, so ten thousand cost no more than ten. */
export function UploadList({ items }: { items: readonly UploadItem[] }): ReactElement {
  const [scrollTop, setScrollTop] = useState(0);
  const sorted = [...items.filter(needsAttention), ...items.filter((item) => !needsAttention(item))];
  const { first, end } = rowWindow(sorted.length, ROW_PX, scrollTop, LIST_PX);

  return (
    <div
      className={styles["scroller"]}
      style={{ height: Math.min(LIST_PX, sorted.length * ROW_PX) }}
      onScroll={({ currentTarget }) => {
        setScrollTop(currentTarget.scrollTop);
      }}
    >
      <ul style={{ height: sorted.length * ROW_PX }}>
        {sorted.slice(first, end).map((item, index) => (
          <li key={item.id} style={{ transform: `translateY(${(first + index) * ROW_PX}px)`, height: ROW_PX }}>
            <UploadRow item={item} />
          </li>
        ))}
      </ul>
    </div>
  );
}
