import { Outlet, useRouteContext } from "@tanstack/react-router";
import type { ReactElement } from "react";

import { UploadsHost } from "@/features/uploads";

import { AccountMenu } from "./account-menu";
import { Navigation } from "./navigation";
import styles from "./shell.module.css";

/** The frame around every page of a person who is logged in: a sidebar on wide screens, a bar below on phones. */
export function Shell(): ReactElement {
  const { uploads, user } = useRouteContext({ from: "/member" });
  return (
    <UploadsHost manager={uploads}>
      <div className={styles["shell"]}>
        <Navigation>
          <AccountMenu user={user} />
        </Navigation>
        <main className={styles["page"]}>
          <Outlet />
        </main>
      </div>
    </UploadsHost>
  );
}
