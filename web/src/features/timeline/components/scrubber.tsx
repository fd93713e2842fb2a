import {
  type PointerEvent,
  type ReactElement,
  type RefObject,
  useEffect,
  useImperativeHandle,
  useRef,
  useState,
} from "react";

import { formatMonth } from "@/shared/lib/format";

import type { TimelineLayout } from "../model/layout";
import { fractionAt, scrubberMarks, sectionInView, topAtFraction } from "../model/scrubber";
import type { Frame } from "../renderer/frame";
import styles from "./scrubber.module.css";

/** Hands frames to the scrubber without rendering it: it moves its thumb through the DOM. */
export interface ScrubberHandle {
  follow: (frame: Frame) => void;
}

interface ScrubberProps {
  layout: TimelineLayout;
  handle: RefObject<ScrubberHandle | null>;
  onJump: (top: number) => void;
}

export function Scrubber({ layout, handle, onJump }: ScrubberProps): ReactElement {
  const barRef = useRef<HTMLDivElement>(null);
  const thumbRef = useRef<HTMLDivElement>(null);
  const labelRef = useRef<HTMLSpanElement>(null);
  const frameRef = useRef<Frame | null>(null);
  const [isDragging, setDragging] = useState(false);
  const barPx = useHeight(barRef);

  useImperativeHandle(handle, () => ({
    follow(frame) {
      frameRef.current = frame;
      const [bar, thumb, label] = [barRef.current, thumbRef.current, labelRef.current];
      if (bar === null || thumb === null || label === null) return;
      const fraction = fractionAt(frame.layout, frame.viewportHeight, frame.top);
      const month = sectionInView(frame.layout, frame.viewportHeight, frame.top)?.month;
      const text = month === undefined ? "" : formatMonth(month);
      thumb.style.transform = `translateY(${fraction * barPx}px)`;
      if (label.textContent !== text) label.textContent = text;
      if (bar.ariaValueText !== text) bar.ariaValueText = text;
      bar.ariaValueNow = String(Math.round(fraction * 100));
      bar.toggleAttribute("data-scrolling", frame.isScrolling);
    },
  }));

  const jump = (event: PointerEvent<HTMLDivElement>) => {
    const frame = frameRef.current;
    if (frame === null) return;
    const { top, height } = event.currentTarget.getBoundingClientRect();
    onJump(topAtFraction(frame.layout, frame.viewportHeight, (event.clientY - top) / height));
  };

  return (
    <div
      ref={barRef}
      className={styles["bar"]}
      role="slider"
      aria-label="Go to a month"
      aria-orientation="vertical"
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={0}
      // The keyboard moves in the grid itself (Page Up, Page Down, Home, End); a second stop would add nothing.
      tabIndex={-1}
      data-dragging={isDragging || undefined}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        event.preventDefault();
        setDragging(true);
        jump(event);
      }}
      onPointerMove={(event) => {
        if (isDragging) jump(event);
      }}
      onPointerUp={() => {
        setDragging(false);
      }}
      onPointerCancel={() => {
        setDragging(false);
      }}
    >
      {scrubberMarks(layout, barPx).map(({ at, label }) => (
        <span key={at} className={label === null ? styles["tick"] : styles["year"]} style={{ top: `${at * 100}%` }}>
          {label}
        </span>
      ))}
      <div ref={thumbRef} className={styles["thumb"]}>
        <span ref={labelRef} className={styles["label"]} />
      </div>
    </div>
  );
}

/** The height of an element, measured when it changes: asking for it in a frame would lay the page out twice. */
function useHeight(ref: RefObject<HTMLElement | null>): number {
  const [height, setHeight] = useState(0);
  useEffect(() => {
    const element = ref.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(() => {
      setHeight(element.clientHeight);
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
    };
  }, [ref]);
  return height;
}
