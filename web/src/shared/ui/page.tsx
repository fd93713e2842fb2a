import type { ReactElement, ReactNode } from "react";

import styles from "./page.module.css";

interface PageProps {
  title: string;
  /** A word beside the title, such as a count. */
  note?: ReactNode;
  /** Links to the parts of the page. */
  tabs?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

/** A page with a heading that stays and content that scrolls. */
export function Page({ title, note, tabs, actions, children }: PageProps): ReactElement {
  return (
    <section className={styles["page"]} aria-label={title}>
      <header className={styles["toolbar"]}>
        <div className={styles["title"]}>
          <h1>{title}</h1>
          {note !== undefined && <div className={styles["note"]}>{note}</div>}
        </div>
        {actions}
      </header>
      {tabs !== undefined && (
        <nav className={styles["tabs"]} aria-label={`Parts of ${title}`}>
          {tabs}
        </nav>
      )}
      <div className={styles["body"]}>{children}</div>
    </section>
  );
}
