/** How server state is asked for: quickly given up when the answer is clear, patient when the network is not. */
import { QueryClient } from "@tanstack/react-query";

import { ApiError } from "@/shared/api";

const MAX_RETRIES = 2;

export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        retry: (failures, error) => failures < MAX_RETRIES && (!(error instanceof ApiError) || error.isTransient),
      },
      mutations: { retry: false },
    },
  });
}
