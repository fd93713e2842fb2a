import { type PointerEvent, type ReactElement, useRef, useState } from "react";

import { classNames } from "@/shared/lib/class-names";

import type { SlidePhoto } from "../model/slide";
import { resolveSwipe } from "../model/swipe";
import { Slide } from "./slide";
import styles from "./stage.module.css";

interface StageProps {
  current: SlidePhoto | null;
  previous: SlidePhoto | null;
  next: SlidePhoto | null;
  label: string;
  onPrevious: () => void;
  onNext: () => void;
  onClose: () => void;
}

interface DragStart {
  x: number;
  y: number;
  atMs: number;
}

/**
 * The photo with its neighbours beside it, out of sight: they are what a swipe draws in, and being there already is
 * what makes the next photo appear at once.
 */
export function Stage({ current, previous, next, label, onPrevious, onNext, onClose }: StageProps): ReactElement {
  const start = useRef<DragStart | null>(null);
  const [drag, setDrag] = useState<{ dx: number; dy: number } | null>(null);

  const endDrag = (event: PointerEvent<HTMLDivElement>) => {
    const from = start.current;
    start.current = null;
    setDrag(null);
    if (from === null) return;
    const moved = { dx: event.clientX - from.x, dy: event.clientY - from.y, elapsedMs: event.timeStamp - from.atMs };
    const result = resolveSwipe(moved, event.currentTarget.clientWidth);
    if (result === "previous") onPrevious();
    if (result === "next") onNext();
    if (result === "close") onClose();
  };

  const slides = [
    { photo: previous, side: -1 },
    { photo: current, side: 0 },
    { photo: next, side: 1 },
  ];
  return (
    <div
      className={styles["stage"]}
      onPointerDown={(event) => {
        if (!event.isPrimary || event.button !== 0) return;
        start.current = { x: event.clientX, y: event.clientY, atMs: event.timeStamp };
        event.currentTarget.setPointerCapture(event.pointerId);
      }}
      onPointerMove={(event) => {
        if (start.current === null) return;
        setDrag({ dx: event.clientX - start.current.x, dy: event.clientY - start.current.y });
      }}
      onPointerUp={endDrag}
      onPointerCancel={() => {
        start.current = null;
        setDrag(null);
      }}
    >
      {slides.map(({ photo, side }) => {
        if (photo === null) return null;
        const isAcross = drag !== null && Math.abs(drag.dx) >= Math.abs(drag.dy);
        const y = drag !== null && !isAcross && side === 0 ? Math.max(0, drag.dy) : 0;
        return (
          <div
            key={photo.id}
            className={classNames(styles["slot"], drag !== null && styles["dragged"])}
            style={{ transform: `translate(calc(${side * 104}% + ${isAcross ? drag.dx : 0}px), ${y}px)` }}
            aria-hidden={side !== 0}
          >
            <Slide photo={photo} label={side === 0 ? label : ""} />
          </div>
        );
      })}
    </div>
  );
}
