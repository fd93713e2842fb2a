import { useRouteContext } from "@tanstack/react-router";
import type { ReactElement } from "react";

import { RememberedPage } from "@/features/trash";

import { TrashTabs } from "./trash-tabs";

export function RememberedRoute(): ReactElement {
  const { toasts } = useRouteContext({ from: "/member" });
  return <RememberedPage toasts={toasts} tabs={<TrashTabs />} />;
}
