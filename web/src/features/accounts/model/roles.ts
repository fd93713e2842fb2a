import type { User } from "@/shared/api";

/** Whether a person looks after the server: its jobs, disk and users. */
export function isManager({ role }: Pick<User, "role">): boolean {
  return role === "owner" || role === "admin";
}
