import { useQuery } from "@tanstack/react-query";
import { Link, Outlet } from "@tanstack/react-router";
import type { ReactElement } from "react";

import { LiveMark, statusQuery } from "@/features/admin";
import { Page } from "@/shared/ui";

/** The frame of the admin pages; who may see them is decided by the route. */
export function AdminRoute(): ReactElement {
  const status = useQuery(statusQuery);
  return (
    <Page
      title="Admin"
      note={<LiveMark query={status} />}
      tabs={
        <>
          <Link to="/admin" activeOptions={{ exact: true, includeSearch: false }} activeProps={{ "data-active": "" }}>
            Overview
          </Link>
          <Link to="/admin/jobs" activeOptions={{ includeSearch: false }} activeProps={{ "data-active": "" }}>
            Jobs
          </Link>
          <Link to="/admin/schedules" activeProps={{ "data-active": "" }}>
            Schedules
          </Link>
        </>
      }
    >
      <Outlet />
    </Page>
  );
}
