import { useNavigate, useRouteContext } from "@tanstack/react-router";
import type { ReactElement } from "react";

import { OverviewPage } from "@/features/admin";

export function AdminOverviewRoute(): ReactElement {
  const { toasts } = useRouteContext({ from: "/member" });
  const navigate = useNavigate();
  return (
    <OverviewPage
      toasts={toasts}
      onShowFailed={(type) => void navigate({ to: "/admin/jobs", search: { status: "failed", type } })}
    />
  );
}
