/** Where the timeline stood and how dense it was, kept in the browser: position per tab, density for good. */
import type { Anchor } from "./model/anchor";
import { DENSITIES, type Density } from "./model/grid";

const POSITION_KEY = "afterglow.timeline.position";
const DENSITY_KEY = "afterglow.timeline.density";

function isAnchor(value: unknown): value is Anchor {
  if (typeof value !== "object" || value === null) return false;
  const { month, index, id, offsetPx } = value as Record<string, unknown>;
  const hasId = id === null || typeof id === "string";
  return typeof month === "string" && typeof index === "number" && typeof offsetPx === "number" && hasId;
}

export function readPosition(): Anchor | null {
  try {
    const stored: unknown = JSON.parse(sessionStorage.getItem(POSITION_KEY) ?? "null");
    return isAnchor(stored) ? stored : null;
  } catch {
    return null;
  }
}

export function writePosition(anchor: Anchor | null): void {
  if (anchor === null) sessionStorage.removeItem(POSITION_KEY);
  else sessionStorage.setItem(POSITION_KEY, JSON.stringify(anchor));
}

export function readDensity(): Density {
  const stored = localStorage.getItem(DENSITY_KEY);
  return DENSITIES.find((density) => density === stored) ?? "medium";
}

export function writeDensity(density: Density): void {
  localStorage.setItem(DENSITY_KEY, density);
}
