import * as Dialog from "@radix-ui/react-dialog";
import type { ReactElement, ReactNode } from "react";

import { Button } from "./button";
import styles from "./confirm-dialog.module.css";

interface ConfirmDialogProps {
  title: string;
  /** What happens, and whether it can be undone. */
  children: ReactNode;
  confirmLabel: string;
  tone?: "primary" | "danger";
  busy?: boolean;
  onConfirm: () => void;
  onCancel: () => void;
}

/** A question before something that cannot be undone. The harmless answer has the focus. */
export function ConfirmDialog({
  title,
  children,
  confirmLabel,
  tone = "danger",
  busy = false,
  onConfirm,
  onCancel,
}: ConfirmDialogProps): ReactElement {
  return (
    <Dialog.Root
      open
      onOpenChange={() => {
        if (!busy) onCancel();
      }}
    >
      <Dialog.Portal>
        {/* Not Dialog.Overlay: what it adds to keep the page from scrolling is a style tag, which the CSP forbids. */}
        <div className={styles["overlay"]} />
        <Dialog.Content className={styles["dialog"]} role="alertdialog">
          <Dialog.Title className={styles["title"]}>{title}</Dialog.Title>
          <Dialog.Description asChild>
            <div className={styles["text"]}>{children}</div>
          </Dialog.Description>
          <div className={styles["actions"]}>
            <Button onClick={onCancel} disabled={busy}>
              Cancel
            </Button>
            <Button tone={tone} busy={busy} onClick={onConfirm}>
              {confirmLabel}
            </Button>
          </div>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
