import { useRouter } from "@tanstack/react-router";
import type { ReactElement } from "react";

import { ClaimPage } from "@/features/accounts";

import { enter } from "./enter";

export function ClaimRoute(): ReactElement {
  const router = useRouter();
  return <ClaimPage onDone={() => void enter(router, "/")} />;
}
