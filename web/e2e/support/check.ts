/** Statements that must hold, and waiting until they do. */

/** @throws Error The statement does not hold. */
export function check(holds: boolean, statement: string, detail?: unknown): asserts holds {
  if (holds) return;
  const extra = detail === undefined ? "" : `\n  found: ${JSON.stringify(detail)}`;
  throw new Error(`This does not hold: ${statement}${extra}`);
}

/**
 * Wait until `read` returns something that `isDone`, and return it.
 *
 * @throws Error It did not happen within `timeoutMs`.
 */
export async function eventually<T>(
  statement: string,
  read: () => Promise<T>,
  isDone: (value: T) => boolean,
  timeoutMs: number,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await read();
    if (isDone(value)) return value;
    check(Date.now() < deadline, `${statement}, within ${timeoutMs / 1000} s`, value);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
