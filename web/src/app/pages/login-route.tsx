import { useRouter, useSearch } from "@tanstack/react-router";
import type { ReactElement } from "react";

import { LoginPage } from "@/features/accounts";

import { enter } from "./enter";

export function LoginRoute(): ReactElement {
  const router = useRouter();
  const { next } = useSearch({ from: "/login" });
  return <LoginPage onDone={() => void enter(router, next ?? "/")} />;
}
