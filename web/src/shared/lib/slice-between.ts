/** Return the items from one to another, both included, in the order of the list; null when one of them is not in it. */
export function sliceBetween(items: readonly string[], one: string, other: string): string[] | null {
  const [at, to] = [items.indexOf(one), items.indexOf(other)];
  if (at < 0 || to < 0) return null;
  return items.slice(Math.min(at, to), Math.max(at, to) + 1);
}
