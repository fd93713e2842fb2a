/**
 * Where every photo stands, in layout space: y grows downwards from 0, newest month first.
 *
 * A section is one month: a heading and a body. The body is laid out by a `BodyLayout`; the square one needs only
 * the count, so the height of the whole timeline is exact before any month is loaded. A justified one, made of
 * ratios, fits the same seam.
 */
import type { Grid } from "./grid";

export const HEADING_PX = 60;
/** Room under a section, before the next heading. */
export const SECTION_GAP_PX = 12;

export interface MonthCount {
  month: string;
  count: number;
}

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Places the photos of one month, in coordinates of its body. */
export interface BodyLayout {
  readonly height: number;
  /** Box of the photo at `index` (0 ≤ index < count). */
  boxAt(index: number): Box;
  /** Photos that touch [top, bottom), as [first, end); may be empty. */
  rangeBetween(top: number, bottom: number): readonly [first: number, end: number];
  /** The photo one row up (-1) or down (1) that stands nearest to `index`, or null when there is no such row. */
  rowNeighbour(index: number, rows: 1 | -1): number | null;
}

export interface Section {
  readonly month: string;
  readonly count: number;
  /** How many photos stand in earlier sections. */
  readonly firstPhoto: number;
  readonly top: number;
  readonly bodyTop: number;
  readonly bottom: number;
  readonly body: BodyLayout;
}

export interface TimelineLayout {
  readonly sections: readonly Section[];
  readonly height: number;
  readonly photoCount: number;
}

/** Return the body of `count` square tiles in the grid; columns are snapped to whole pixels so that edges are sharp. */
export function layoutSquares(count: number, grid: Grid): BodyLayout {
  const { columns, gapPx } = grid;
  const stridePx = grid.tilePx + gapPx;
  const rowPx = Math.round(stridePx);
  const rows = Math.ceil(count / columns);
  return {
    height: rows === 0 ? 0 : rows * rowPx - gapPx,
    boxAt(index) {
      const column = index % columns;
      const x = Math.round(column * stridePx);
      const width = Math.round((column + 1) * stridePx) - gapPx - x;
      return { x, y: Math.floor(index / columns) * rowPx, width, height: rowPx - gapPx };
    },
    rangeBetween(top, bottom) {
      const firstRow = Math.max(0, Math.floor(top / rowPx));
      const endRow = Math.max(firstRow, Math.ceil(bottom / rowPx));
      return [Math.min(count, firstRow * columns), Math.min(count, endRow * columns)];
    },
    rowNeighbour(index, step) {
      const row = Math.floor(index / columns) + step;
      if (row < 0 || row >= rows) return null;
      return Math.min(count - 1, row * columns + (index % columns));
    },
  };
}

/** Return the layout of all months; months without photos are left out. */
export function layoutTimeline(months: readonly MonthCount[], grid: Grid): TimelineLayout {
  const sections: Section[] = [];
  let top = 0;
  let firstPhoto = 0;
  for (const { month, count } of months) {
    if (count <= 0) continue;
    const body = layoutSquares(count, grid);
    const bodyTop = top + HEADING_PX;
    const bottom = bodyTop + body.height + SECTION_GAP_PX;
    sections.push({ month, count, firstPhoto, top, bodyTop, bottom, body });
    top = bottom;
    firstPhoto += count;
  }
  return { sections, height: top, photoCount: firstPhoto };
}

/** Return the position in `sections` of the section at `y`, clamped to the first and last; -1 when there are none. */
export function sectionIndexAt(layout: TimelineLayout, y: number): number {
  let low = 0;
  let high = layout.sections.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    const section = layout.sections[middle];
    if (section !== undefined && section.bottom > y) high = middle;
    else low = middle + 1;
  }
  return Math.min(low, layout.sections.length - 1);
}

export interface VisibleRun {
  readonly section: Section;
  readonly first: number;
  readonly end: number;
}

/** Return the photos that touch [top, bottom), section by section; a section of which only the heading shows has an empty run. */
export function visibleRuns(layout: TimelineLayout, top: number, bottom: number): VisibleRun[] {
  const runs: VisibleRun[] = [];
  const start = Math.max(0, sectionIndexAt(layout, top));
  for (let index = start; index < layout.sections.length; index += 1) {
    const section = layout.sections[index];
    if (section === undefined || section.top >= bottom) break;
    const [first, end] = section.body.rangeBetween(top - section.bodyTop, bottom - section.bodyTop);
    runs.push({ section, first, end });
  }
  return runs;
}
