/** Who uses this server: its state, the session, and the ways into and out of one. */
import { queryOptions } from "@tanstack/react-query";

import { api, ApiError, type ServerInfo, unwrap, type User } from "@/shared/api";

export const serverInfoQuery = queryOptions({
  queryKey: ["server", "info"],
  queryFn: ({ signal }): Promise<ServerInfo> => unwrap(api.GET("/api/servers/info", { signal })),
  staleTime: 60_000,
});

/** The person logged in, or null; "not logged in" is an answer here, not an error. */
export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: async ({ signal }): Promise<User | null> => {
    try {
      return await unwrap(api.GET("/api/auth/me", { signal }));
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) return null;
      throw error;
    }
  },
  staleTime: 5 * 60_000,
});

export interface Credentials {
  email: string;
  password: string;
}

export interface Claim extends Credentials {
  code: string;
  name: string;
}

export async function logIn(credentials: Credentials): Promise<void> {
  await unwrap(api.POST("/api/auth/login", { body: { ...credentials, cookie: true } }));
}

export async function claimServer(claim: Claim): Promise<void> {
  await unwrap(api.POST("/api/servers/claim", { body: { ...claim, cookie: true } }));
}

export async function logOut(): Promise<void> {
  await unwrap(api.POST("/api/auth/logout"));
}
