import { useSyncExternalStore } from "react";

import type { Selection, SelectionState } from "./selection";

/** Return what is picked, now and whenever it changes. */
export function useSelection(selection: Selection): SelectionState {
  return useSyncExternalStore(selection.subscribe, selection.state);
}
