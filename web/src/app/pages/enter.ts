import type { RegisteredRouter } from "@tanstack/react-router";

/** Begin a session afresh: nothing that was known before it may be shown in it. */
export async function enter(router: RegisteredRouter, path: string): Promise<void> {
  const { client, hidden, selection, toasts } = router.options.context;
  client.clear();
  selection.clear();
  hidden.show(hidden.ids());
  toasts.clear();
  await router.navigate({ href: path, replace: true });
}
