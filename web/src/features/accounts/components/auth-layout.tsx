import type { ReactElement, ReactNode } from "react";

import { Logo } from "@/shared/ui";

import styles from "./auth-layout.module.css";

interface AuthLayoutProps {
  title: string;
  lead: ReactNode;
  children: ReactNode;
}

/** The frame of the pages that one sees before being logged in. */
export function AuthLayout({ title, lead, children }: AuthLayoutProps): ReactElement {
  return (
    <main className={styles["page"]}>
      <div className={styles["glow"]} aria-hidden="true" />
      <section className={styles["card"]}>
        <div className={styles["brand"]}>
          <Logo size={36} />
          <span>Afterglow</span>
        </div>
        <h1>{title}</h1>
        <p className={styles["lead"]}>{lead}</p>
        {children}
      </section>
    </main>
  );
}
