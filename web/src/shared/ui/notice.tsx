import type { ReactElement, ReactNode } from "react";

import { classNames } from "@/shared/lib/class-names";

import { Icon } from "./icon";
import styles from "./notice.module.css";

/** A sentence about something that went wrong or needs attention, announced to screen readers. */
export function Notice({ tone, children }: { tone: "danger" | "warning"; children: ReactNode }): ReactElement {
  return (
    <div role="alert" className={classNames(styles["notice"], styles[tone])}>
      <Icon name="warning" size={18} />
      <div>{children}</div>
    </div>
  );
}
