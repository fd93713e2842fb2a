import type { RegisteredRouter } from "@tanstack/react-router";

/** Begin a session afresh: nothing that was known before it may be shown in it. */
export async function enter(router: RegisteredRouter, path: string): Promise<void> {
  router.options.context.client.clear();
  await router.navigate({ href: path, replace: true });
}
