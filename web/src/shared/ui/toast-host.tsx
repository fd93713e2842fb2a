import { type ReactElement, useEffect, useEffectEvent, useRef, useSyncExternalStore } from "react";

import { Button, IconButton } from "./button";
import { Icon } from "./icon";
import styles from "./toast-host.module.css";
import type { Toast, Toasts } from "./toasts";

const SHOWN_MS = 6_000;
/** Something can still be done: there has to be time to read it, to decide and to get there. */
const OFFER_MS = 12_000;
/** A message that somebody is on is looked at again after this time. */
const HELD_MS = 2_000;

/** Shows the messages; Ctrl+Z (⌘Z) takes the offer of the newest one, such as "Undo". */
export function ToastHost({ toasts }: { toasts: Toasts }): ReactElement {
  const items = useSyncExternalStore(toasts.subscribe, toasts.items);

  useEffect(() => {
    const handleKey = (event: KeyboardEvent) => {
      const isUndo = (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key === "z";
      const isWriting = event.target instanceof Element && event.target.closest("input, textarea") !== null;
      if (isUndo && !isWriting && toasts.act()) event.preventDefault();
    };
    document.addEventListener("keydown", handleKey);
    return () => {
      document.removeEventListener("keydown", handleKey);
    };
  }, [toasts]);

  return (
    <div className={styles["host"]} role="region" aria-label="Messages" aria-live="polite">
      {items.map((toast) => (
        <ToastCard
          key={toast.id}
          toast={toast}
          onEnd={() => {
            toasts.dismiss(toast.id);
          }}
        />
      ))}
    </div>
  );
}

function ToastCard({ toast, onEnd }: { toast: Toast; onEnd: () => void }): ReactElement {
  const { action, text, tone } = toast;
  const hasOffer = action !== null;
  const ref = useRef<HTMLDivElement>(null);
  const end = useEffectEvent(onEnd);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const wait = (waitMs: number) => {
      timer = setTimeout(() => {
        // Who is on the message with pointer or keyboard is not hurried.
        if (ref.current?.matches(":hover, :focus-within") === true) wait(HELD_MS);
        else end();
      }, waitMs);
    };
    wait(hasOffer ? OFFER_MS : SHOWN_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [hasOffer]);

  return (
    <div ref={ref} className={styles["toast"]} data-tone={tone} data-testid="toast">
      {tone !== "neutral" && <Icon name="warning" size={18} />}
      <p>{text}</p>
      {action !== null && (
        <Button
          onClick={() => {
            onEnd();
            action.run();
          }}
        >
          {action.label}
        </Button>
      )}
      <IconButton icon="close" label="Dismiss" onClick={onEnd} />
    </div>
  );
}
