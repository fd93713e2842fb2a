/** The photo that the keyboard stands on, and where the keys take it. */
import { type Section, sectionIndexAt, type TimelineLayout } from "./layout";

export interface Cursor {
  month: string;
  index: number;
}

export type Move = "left" | "right" | "up" | "down" | "pageUp" | "pageDown" | "first" | "last";

const MOVES: Readonly<Record<string, Move>> = {
  ArrowLeft: "left",
  ArrowRight: "right",
  ArrowUp: "up",
  ArrowDown: "down",
  PageUp: "pageUp",
  PageDown: "pageDown",
  Home: "first",
  End: "last",
};

/** Return the move of a key, or null for any other key. */
export function moveOfKey(key: string): Move | null {
  return MOVES[key] ?? null;
}

function lastOf(section: Section): Cursor {
  return { month: section.month, index: section.count - 1 };
}

/** The photo nearest to a column in the first or last row of a section. */
function inEdgeRow(section: Section, edge: "first" | "last", x: number): Cursor {
  const { body, count, month } = section;
  let index = edge === "first" ? 0 : count - 1;
  const rowY = body.boxAt(index).y;
  const step = edge === "first" ? 1 : -1;
  const distance = (at: number) => Math.abs(body.boxAt(at).x - x);
  for (let next = index + step; next >= 0 && next < count && body.boxAt(next).y === rowY; next += step) {
    if (distance(next) < distance(index)) index = next;
  }
  return { month, index };
}

function moveRow(layout: TimelineLayout, at: number, section: Section, index: number, step: 1 | -1): Cursor | null {
  const within = section.body.rowNeighbour(index, step);
  if (within !== null) return { month: section.month, index: within };
  const next = layout.sections[at + step];
  return next === undefined ? null : inEdgeRow(next, step === 1 ? "first" : "last", section.body.boxAt(index).x);
}

/** Return the first photo whose top is at or below `y`; the last one when there is none. */
export function cursorAt(layout: TimelineLayout, y: number): Cursor | null {
  const section = layout.sections[sectionIndexAt(layout, y)];
  if (section === undefined) return null;
  let [first] = section.body.rangeBetween(y - section.bodyTop, Infinity);
  if (first >= section.count) return lastOf(section);
  // A row that is cut by the edge is passed over, unless it is the last one.
  if (section.bodyTop + section.body.boxAt(first).y < y) first = section.body.rowNeighbour(first, 1) ?? first;
  return { month: section.month, index: first };
}

/** Return where `move` takes the cursor; the cursor itself when there is nothing further. */
export function moveCursor(layout: TimelineLayout, cursor: Cursor, move: Move, viewportHeight: number): Cursor {
  const at = layout.sections.findIndex(({ month }) => month === cursor.month);
  const section = layout.sections[at];
  if (section === undefined) return cursor;
  const index = Math.min(cursor.index, section.count - 1);
  const [first, last] = [layout.sections[0], layout.sections.at(-1)];
  const top = section.bodyTop + section.body.boxAt(index).y;
  switch (move) {
    case "left": {
      const previous = layout.sections[at - 1];
      if (index > 0) return { month: section.month, index: index - 1 };
      return previous === undefined ? cursor : lastOf(previous);
    }
    case "right": {
      const next = layout.sections[at + 1];
      if (index < section.count - 1) return { month: section.month, index: index + 1 };
      return next === undefined ? cursor : { month: next.month, index: 0 };
    }
    case "up":
      return moveRow(layout, at, section, index, -1) ?? cursor;
    case "down":
      return moveRow(layout, at, section, index, 1) ?? cursor;
    case "pageUp":
      return cursorAt(layout, Math.max(0, top - viewportHeight)) ?? cursor;
    case "pageDown":
      return cursorAt(layout, top + viewportHeight) ?? cursor;
    case "first":
      return first === undefined ? cursor : { month: first.month, index: 0 };
    case "last":
      return last === undefined ? cursor : lastOf(last);
  }
}
