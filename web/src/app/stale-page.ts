/**
 * A page that was open during an upgrade asks for parts that the server no longer has. Loading the page anew is all it
 * takes; but not again and again, should a part be missing for another reason.
 */
const STORAGE_KEY = "afterglow.reloaded-at";
const ONCE_PER_MS = 30_000;

/** Whether a reload may help: none was tried lately. */
export function mayReload(lastAtMs: number, nowMs: number): boolean {
  return nowMs - lastAtMs > ONCE_PER_MS;
}

export function reloadWhenStale(): void {
  addEventListener("vite:preloadError", () => {
    const lastAtMs = Number(sessionStorage.getItem(STORAGE_KEY) ?? 0);
    if (!mayReload(lastAtMs, Date.now())) return;
    sessionStorage.setItem(STORAGE_KEY, String(Date.now()));
    location.reload();
  });
}
