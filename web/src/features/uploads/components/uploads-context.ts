/** Hands the one upload manager to the components that show it. */
import { createContext, useCallback, useContext, useState, useSyncExternalStore } from "react";

import type { UploadManager } from "../manager";
import type { UploadItem } from "../model/item";
import { type FoundFile, selectMedia } from "../model/selection";

export interface UploadsValue {
  manager: UploadManager;
  /** Files of the last selection that were left out because they are no photos. */
  skipped: number;
  add: (found: readonly FoundFile[]) => void;
  /** Go to where a declined file can be had again. */
  visit: (place: Place) => void;
}

/** The trash, or the list of deletions that are remembered. */
export type Place = "trash" | "remembered";

export const UploadsContext = createContext<UploadsValue | null>(null);

/** @throws Error There is no provider above. */
export function useUploads(): UploadsValue {
  const value = useContext(UploadsContext);
  if (value === null) throw new Error("useUploads needs UploadsContext above it");
  return value;
}

export function useUploadItems(): readonly UploadItem[] {
  const { manager } = useUploads();
  return useSyncExternalStore(manager.subscribe, manager.items);
}

/** Return the value for `UploadsContext`. */
export function useUploadsValue(manager: UploadManager, visit: (place: Place) => void): UploadsValue {
  const [skipped, setSkipped] = useState(0);
  const add = useCallback(
    (found: readonly FoundFile[]) => {
      const selection = selectMedia(found);
      setSkipped(selection.skipped);
      manager.add(selection.accepted);
    },
    [manager],
  );
  return { manager, skipped, add, visit };
}
