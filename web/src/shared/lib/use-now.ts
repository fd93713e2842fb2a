import { useEffect, useState } from "react";

const SECOND_MS = 1_000;

/** Return the time now, kept up to date [ms since 1970]. */
export function useNow(tickMs = SECOND_MS): number {
  const [nowMs, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => {
      setNow(Date.now());
    }, tickMs);
    return () => {
      clearInterval(timer);
    };
  }, [tickMs]);
  return nowMs;
}
