import "@/shared/styles/tokens.css";
import "@/shared/styles/base.css";

import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { sessionQuery } from "@/features/accounts";
import { onSessionLost } from "@/shared/api";
import { startTheme } from "@/shared/theme/theme";

import { makeRouter } from "./router";
import { makeServices } from "./services";
import { reloadWhenStale } from "./stale-page";

startTheme();
reloadWhenStale();
const services = makeServices();
const router = makeRouter(services);

onSessionLost(() => {
  // Nobody is asked twice: only a page that believed in a session is sent to the login.
  if (!services.client.getQueryData(sessionQuery.queryKey)) return;
  services.client.setQueryData(sessionQuery.queryKey, null);
  void router.invalidate();
});

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={services.client}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);
