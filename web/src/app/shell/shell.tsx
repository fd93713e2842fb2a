import { Outlet, useNavigate, useRouteContext } from "@tanstack/react-router";
import type { ReactElement } from "react";

import { isManager } from "@/features/accounts";
import { UploadsHost } from "@/features/uploads";
import { ToastHost } from "@/shared/ui";

import { AccountMenu } from "./account-menu";
import { Navigation } from "./navigation";
import styles from "./shell.module.css";

/** The frame around every page of a person who is logged in: a sidebar on wide screens, a bar below on phones. */
export function Shell(): ReactElement {
  const { toasts, uploads, user } = useRouteContext({ from: "/member" });
  const navigate = useNavigate();
  return (
    <UploadsHost
      manager={uploads}
      onVisit={(place) => void navigate({ to: place === "trash" ? "/trash" : "/trash/remembered" })}
    >
      <div className={styles["shell"]}>
        <Navigation isManager={isManager(user)}>
          <AccountMenu user={user} />
        </Navigation>
        <main className={styles["page"]}>
          <Outlet />
        </main>
      </div>
      <ToastHost toasts={toasts} />
    </UploadsHost>
  );
}
