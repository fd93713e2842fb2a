import { useEffect, useEffectEvent } from "react";

import type { Selection } from "@/shared/lib/selection";

interface TrashKeys {
  isActive: boolean;
  selection: Selection;
  onPurge: () => void;
}

/** Escape lets go of what is picked, Delete asks to delete it for ever. */
export function useTrashKeys({ isActive, selection, onPurge }: TrashKeys): void {
  const handle = useEffectEvent((event: KeyboardEvent) => {
    const isElsewhere = event.target instanceof Element && event.target.closest("[role=menu], [role=dialog]") !== null;
    if (event.defaultPrevented || isElsewhere) return;
    if (event.key === "Escape") selection.clear();
    else if (event.key === "Delete") onPurge();
  });
  useEffect(() => {
    if (!isActive) return undefined;
    const listen = (event: KeyboardEvent) => {
      handle(event);
    };
    document.addEventListener("keydown", listen);
    return () => {
      document.removeEventListener("keydown", listen);
    };
  }, [isActive]);
}
