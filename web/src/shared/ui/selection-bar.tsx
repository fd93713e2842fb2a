import type { ReactElement, ReactNode } from "react";

import { formatCount } from "@/shared/lib/format";
import type { SelectionState } from "@/shared/lib/selection";

import { IconButton } from "./button";
import styles from "./selection-bar.module.css";

interface SelectionBarProps {
  state: SelectionState;
  /** Buttons for what can be done with the picked photos. */
  children: ReactNode;
  onClear: () => void;
}

/** What is picked, in words; the narrowest screens leave one out. */
function Words({ state: { ids, isBusy } }: { state: SelectionState }): ReactElement {
  if (isBusy) return <>Selecting…</>;
  if (ids.size === 0) return <>Select photos</>;
  return (
    <>
      {formatCount(ids.size)} <span>{ids.size === 1 ? "photo" : "photos"}</span> selected
    </>
  );
}

/** The bar at the bottom while photos are picked: how many, and what to do with them. */
export function SelectionBar({ state, children, onClear }: SelectionBarProps): ReactElement | null {
  if (!state.isSelecting && !state.isBusy) return null;
  return (
    <div className={styles["bar"]} role="group" aria-label="Selected photos" data-selection-bar="">
      <IconButton icon="close" label="Clear selection (Escape)" onClick={onClear} />
      <p className={styles["count"]} role="status">
        <Words state={state} />
      </p>
      <div className={styles["actions"]}>{children}</div>
    </div>
  );
}
