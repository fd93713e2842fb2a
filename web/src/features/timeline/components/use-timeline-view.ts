/** Mounts the timeline view into an element and keeps it fed. */
import { useQueryClient } from "@tanstack/react-query";
import { type RefObject, useEffect, useEffectEvent, useRef, useState } from "react";

import { makeMonthSource } from "../api";
import { moveOfKey } from "../model/cursor";
import type { Density } from "../model/grid";
import type { MonthCount } from "../model/layout";
import { readPosition, writePosition } from "../position-storage";
import { type Frame, TimelineView } from "../renderer/timeline-view";

export interface TimelineViewInput {
  months: readonly MonthCount[];
  version: number;
  /** Changes whenever `months` were asked for anew, even when they are the same. */
  updatedAt: number;
  density: Density;
  /** Whether keys move in the grid; not while something lies over it. */
  isActive: boolean;
  onOpen: (photoId: string) => void;
  onFrame: (frame: Frame) => void;
}

interface TimelineViewHandle {
  rootRef: RefObject<HTMLDivElement | null>;
  view: TimelineView | null;
}

/** Where the arrow keys already mean something else. */
const OWN_KEYS = "input, textarea, select, [contenteditable], [role=menu], [role=dialog], [role=listbox]";

function isForGrid(event: KeyboardEvent): boolean {
  const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey && !event.defaultPrevented;
  return isPlain && event.target instanceof Element && event.target.closest(OWN_KEYS) === null;
}

export function useTimelineView(input: TimelineViewInput): TimelineViewHandle {
  const client = useQueryClient();
  const rootRef = useRef<HTMLDivElement>(null);
  const [view, setView] = useState<TimelineView | null>(null);
  const onOpen = useEffectEvent(input.onOpen);
  const onFrame = useEffectEvent(input.onFrame);
  const initialDensity = useEffectEvent(() => input.density);
  const { months, version, updatedAt, density, isActive } = input;

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
    };
    const made = new TimelineView(root, makeMonthSource(client), initialDensity(), events);
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
      save();
      made.destroy();
    };
  }, [client]);

  useEffect(() => {
    void view?.setMonths(months, version);
  }, [view, months, version, updatedAt]);

  useEffect(() => {
    view?.setDensity(density);
  }, [view, density]);

  useEffect(() => {
    if (view === null || !isActive) return undefined;
    const handleKey = (event: KeyboardEvent) => {
      const move = isForGrid(event) ? moveOfKey(event.key) : null;
      if (move === null) return;
      event.preventDefault();
      view.move(move);
    };
    document.addEventListener("keydown", handleKey);
    return () => {
      document.removeEventListener("keydown", handleKey);
    };
  }, [view, isActive]);

  return { rootRef, view };
}
