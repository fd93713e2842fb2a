/** A view in a page that lays nothing out, for the tests; its clock is theirs. */
import { Selection } from "@/shared/lib/selection";
import { monthColumns } from "@/shared/testing/month-columns";

import { makeMonthData } from "../../model/month-data";
import type { MonthSource } from "../month-store";
import { TimelineView } from "../timeline-view";

/** The first two months are in view; the last ones are far from it. */
export const COUNTS: Record<string, number> = {
  "2024-06": 40,
  "2024-05": 900,
  "2024-04": 900,
  "2024-03": 900,
  "2024-02": 900,
};

/** Show a timeline of those months, each with ten photos on its first day; `pass` lets time pass. */
export async function showView(pass: (ms: number) => Promise<unknown>) {
  const requests: string[] = [];
  const answer: MonthSource["load"] = (month) => {
    requests.push(month);
    const count = COUNTS[month] ?? 0;
    const days: [string, number][] = [
      [`${month}-20`, 10],
      [`${month}-10`, count - 10],
    ];
    return Promise.resolve(makeMonthData(monthColumns(month, count, { days })));
  };
  const source: MonthSource = { remembered: () => undefined, load: answer, reload: answer, markStale: () => undefined };
  const root = document.body.appendChild(document.createElement("div"));
  const selection = new Selection();
  const [opened, failures]: [string[], unknown[]] = [[], []];
  const view = new TimelineView(root, source, "medium", selection, {
    onOpen: (id) => opened.push(id),
    onFrame: () => undefined,
    onPickFailure: (error) => failures.push(error),
  });
  await view.setMonths(
    Object.entries(COUNTS).map(([month, count]) => ({ month, count })),
    1,
  );
  await pass(100);
  const findTile = (id: string) => root.querySelector<HTMLAnchorElement>(`a[href="/photos/${id}"]:not([hidden])`);
  const tile = (id: string): HTMLAnchorElement => {
    const found = findTile(id);
    if (found === null) throw new Error(`No tile shows ${id}`);
    return found;
  };
  const click = async (element: Element, change: MouseEventInit = {}) => {
    element.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, ...change }));
    await pass(100);
  };
  const scrollTo = async (top: number) => {
    const scroller = root.firstElementChild;
    if (scroller !== null) scroller.scrollTop = top;
    scroller?.dispatchEvent(new Event("scroll"));
    await pass(400);
  };
  const ids = () => [...selection.state().ids];
  return { view, root, selection, opened, failures, requests, findTile, tile, click, scrollTo, ids, source };
}
