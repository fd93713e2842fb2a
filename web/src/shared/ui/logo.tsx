import type { ReactElement } from "react";

/** The mark: a sun that has just gone under. */
export function Logo({ size = 28 }: { size?: number }): ReactElement {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <defs>
        <linearGradient id="afterglow-logo" x1="0" y1="0" x2="0" y2="1">
          <stop offset="0" stopColor="#ff9d00" />
          <stop offset="1" stopColor="#4a9eff" />
        </linearGradient>
      </defs>
      <path d="M4 21a12 12 0 0 1 24 0z" fill="url(#afterglow-logo)" />
      <path d="M3 24.5h26M8 28.5h16" stroke="#4a9eff" strokeWidth="2" strokeLinecap="round" />
    </svg>
  );
}
