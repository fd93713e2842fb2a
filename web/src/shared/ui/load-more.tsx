import { type ReactElement, useEffect, useEffectEvent, useRef } from "react";

import { Button } from "./button";
import styles from "./load-more.module.css";

interface LoadMoreProps {
  /** What there is more of: "photos". */
  things: string;
  query: {
    hasNextPage: boolean;
    isFetchingNextPage: boolean;
    isFetchNextPageError: boolean;
    fetchNextPage: () => Promise<unknown>;
  };
}

/** The end of a list that goes on: loads more when it comes near the view, or when asked to. */
export function LoadMore({ things, query }: LoadMoreProps): ReactElement | null {
  const { hasNextPage, isFetchingNextPage, isFetchNextPageError } = query;
  const ref = useRef<HTMLDivElement>(null);
  const load = () => {
    if (!isFetchingNextPage) void query.fetchNextPage();
  };
  const loadUnasked = useEffectEvent(load);
  // What failed is not tried over and over by itself.
  const isAuto = hasNextPage && !isFetchingNextPage && !isFetchNextPageError;

  useEffect(() => {
    if (ref.current === null || !isAuto || !("IntersectionObserver" in globalThis)) return undefined;
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some(({ isIntersecting }) => isIntersecting)) loadUnasked();
      },
      { rootMargin: "600px" },
    );
    observer.observe(ref.current);
    return () => {
      observer.disconnect();
    };
  }, [isAuto]);

  if (!hasNextPage) return null;
  return (
    <div ref={ref} className={styles["more"]}>
      {isFetchNextPageError && <p>More {things} could not be loaded.</p>}
      <Button busy={isFetchingNextPage} onClick={load}>
        {isFetchNextPageError ? "Try again" : `More ${things}`}
      </Button>
    </div>
  );
}
