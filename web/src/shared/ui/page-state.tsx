import type { ReactElement, ReactNode } from "react";

import { Icon, type IconName } from "./icon";
import styles from "./page-state.module.css";

interface PageStateProps {
  icon: IconName;
  title: string;
  children?: ReactNode;
  actions?: ReactNode;
}

/** What a page shows instead of its content: nothing there yet, or it could not be loaded. */
export function PageState({ icon, title, children, actions }: PageStateProps): ReactElement {
  return (
    <div className={styles["state"]}>
      <span className={styles["disc"]}>
        <Icon name={icon} size={36} />
      </span>
      <h2>{title}</h2>
      {children !== undefined && <div className={styles["text"]}>{children}</div>}
      {actions !== undefined && <div className={styles["actions"]}>{actions}</div>}
    </div>
  );
}
