/** Which rows of a long list are drawn. */

const OVERSCAN_ROWS = 6;

export interface RowWindow {
  first: number;
  end: number;
}

export function rowWindow(count: number, rowPx: number, scrollTop: number, viewportPx: number): RowWindow {
  const first = Math.max(0, Math.floor(scrollTop / rowPx) - OVERSCAN_ROWS);
  const end = Math.min(count, Math.ceil((scrollTop + viewportPx) / rowPx) + OVERSCAN_ROWS);
  return { first: Math.min(first, end), end };
}
