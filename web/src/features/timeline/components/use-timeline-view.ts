/** Mounts the timeline view into an element and keeps it fed. */
import { useQueryClient } from "@tanstack/react-query";
import { type RefObject, useEffect, useEffectEvent, useRef, useState } from "react";

import type { Selection } from "@/shared/lib/selection";

import { makeMonthSource } from "../api";
import type { HiddenPhotos } from "../hidden-photos";
import { moveOfKey } from "../model/cursor";
import type { Density } from "../model/grid";
import type { MonthCount } from "../model/layout";
import { readPosition, writePosition } from "../position-storage";
import type { Frame } from "../renderer/frame";
import { TimelineView } from "../renderer/timeline-view";

export interface TimelineViewInput {
  months: readonly MonthCount[];
  version: number;
  /** When `months` were asked for [`performance.now()`]; another one each time, even when they are the same. */
  askedAtMs: number;
  density: Density;
  /** Whether keys move in the grid; not while something lies over it. */
  isActive: boolean;
  selection: Selection;
  hidden: HiddenPhotos;
  onOpen: (photoId: string) => void;
  onFrame: (frame: Frame) => void;
  onPickFailure: (error: unknown) => void;
  /** The Delete key, while photos are picked. */
  onTrash: () => void;
}

interface TimelineViewHandle {
  rootRef: RefObject<HTMLDivElement | null>;
  view: TimelineView | null;
}

/** Where the arrow keys already mean something else. */
const OWN_KEYS = "input, textarea, select, [contenteditable], [role=menu], [role=dialog], [role=listbox]";

function isForGrid(event: KeyboardEvent): boolean {
  const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.defaultPrevented;
  return isPlain && event.target instanceof Element && event.target.closest(OWN_KEYS) === null;
}

export function useTimelineView(input: TimelineViewInput): TimelineViewHandle {
  const client = useQueryClient();
  const rootRef = useRef<HTMLDivElement>(null);
  const [view, setView] = useState<TimelineView | null>(null);
  const onOpen = useEffectEvent(input.onOpen);
  const onFrame = useEffectEvent(input.onFrame);
  const initialDensity = useEffectEvent(() => input.density);
  const onPickFailure = useEffectEvent(input.onPickFailure);
  const { months, version, askedAtMs, density, isActive, selection, hidden } = input;

  useEffect(() => {
    const root = rootRef.current;
    if (root === null) return undefined;
    const events = {
      onOpen: (id: string) => {
        onOpen(id);
      },
      onFrame: (frame: Frame) => {
        onFrame(frame);
      },
      onPickFailure: (error: unknown) => {
        onPickFailure(error);
      },
    };
    const made = new TimelineView(root, makeMonthSource(client), initialDensity(), selection, events);
    const hide = () => {
      made.hide(hidden.ids());
    };
    if (hidden.ids().size > 0) hide();
    const stopHiding = hidden.subscribe(hide);
    const stored = readPosition();
    if (stored !== null) made.restore(stored);
    const observer = new ResizeObserver(() => {
      made.resize();
    });
    observer.observe(root);
    const save = () => {
      writePosition(made.position());
    };
    addEventListener("pagehide", save);
    setView(made);
    return () => {
      removeEventListener("pagehide", save);
      observer.disconnect();
      stopHiding();
      save();
      made.destroy();
    };
  }, [client, selection, hidden]);

  useEffect(() => {
    const settled = hidden.settledBefore(askedAtMs);
    void view?.setMonths(months, version).then((isShown) => {
      if (isShown && settled.length > 0) hidden.show(settled);
    });
  }, [view, hidden, months, version, askedAtMs]);

  useEffect(() => {
    view?.setDensity(density);
  }, [view, density]);

  const handleKey = useEffectEvent((event: KeyboardEvent) => {
    if (view !== null && isForGrid(event) && takeKey(event, view, input)) event.preventDefault();
  });
  useEffect(() => {
    if (!isActive) return undefined;
    const listen = (event: KeyboardEvent) => {
      handleKey(event);
    };
    document.addEventListener("keydown", listen);
    return () => {
      document.removeEventListener("keydown", listen);
    };
  }, [isActive]);

  return { rootRef, view };
}

/** Do what a key stands for in the grid; returns whether it stands for anything. */
function takeKey(event: KeyboardEvent, view: TimelineView, { selection, onTrash }: TimelineViewInput): boolean {
  const { ids, isSelecting } = selection.state();
  if (event.key.toLowerCase() === "x") return view.pickFocused(event.shiftKey);
  if (event.shiftKey) return false;
  if (event.key === "Escape" && isSelecting) selection.clear();
  else if (event.key === "Delete" && ids.size > 0) onTrash();
  else {
    const move = moveOfKey(event.key);
    if (move === null) return false;
    view.move(move);
  }
  return true;
}
