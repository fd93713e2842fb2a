import { onlineManager } from "@tanstack/react-query";
import { act, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, describe, expect, it, vi } from "vitest";

import { jobWith, queueWith, statusWith } from "@/shared/testing/admin";
import { askedOf, stubApi } from "@/shared/testing/api";
import { jsonResponse, renderWithQueries } from "@/shared/testing/render";
import { Toasts } from "@/shared/ui";

import type { JobFilter } from "../api";
import { JobsPage } from "./jobs-page";
import { OverviewPage } from "./overview-page";
import { SchedulesPage } from "./schedules-page";

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
  onlineManager.setOnline(true);
});

const READY = { status: "ok", parts: [{ name: "database", ok: true, problem: null }] };

function showOverview(answers: Parameters<typeof stubApi>[0] = {}) {
  const calls = stubApi({
    "GET /api/admin/status": () => statusWith(),
    "GET /api/admin/queues": () => ({ items: [queueWith({ failed: 3 }), queueWith({ name: "offload" })] }),
    "GET /api/health/ready": () => READY,
    ...answers,
  });
  const toasts = new Toasts();
  const onShowFailed = vi.fn();
  renderWithQueries(<OverviewPage toasts={toasts} onShowFailed={onShowFailed} />);
  return { calls, toasts, onShowFailed };
}

describe("ADM-1 the overview", () => {
  it("pauses and resumes a queue, and asks again how things are", async () => {
    let paused = false;
    const { calls } = showOverview({
      "GET /api/admin/queues": () => ({ items: [queueWith({ paused })] }),
      "POST /api/admin/queues/derive/pause": () => {
        paused = true;
        return queueWith({ paused });
      },
      "POST /api/admin/queues/derive/resume": () => {
        paused = false;
        return queueWith({ paused });
      },
    });
    await userEvent.click(await screen.findByRole("button", { name: "Pause Derive" }));
    await userEvent.click(await screen.findByRole("button", { name: "Resume Derive" }));
    await screen.findByRole("button", { name: "Pause Derive" });
    expect(askedOf(calls).filter((call) => call.startsWith("POST"))).toEqual([
      "POST /api/admin/queues/derive/pause",
      "POST /api/admin/queues/derive/resume",
    ]);
  });

  it("leads to the jobs that failed, and tries them again until none is left", async () => {
    const answers = [
      { count: 2, hasMore: true },
      { count: 1, hasMore: false },
    ];
    const { calls, toasts, onShowFailed } = showOverview({
      "POST /api/admin/queues/derive/retry": () => answers.shift(),
    });
    await userEvent.click(await screen.findByRole("button", { name: "Show the 3 failed jobs of Derive" }));
    expect(onShowFailed).toHaveBeenCalledWith("derive");
    await userEvent.click(screen.getByRole("button", { name: "Try the failed jobs of Derive again" }));
    await waitFor(() => {
      expect(toasts.items()[0]?.text).toBe("3 jobs of Derive wait to be tried again");
    });
    expect(askedOf(calls).filter((call) => call.endsWith("/retry"))).toHaveLength(2);
  });

  it("says which part is ill, although the server answers 503", async () => {
    const parts = [...READY.parts, { name: "second-copy", ok: false, problem: "It is not mounted." }];
    showOverview({ "GET /api/health/ready": () => jsonResponse(503, { status: "ill", parts }) });
    expect(await screen.findByText("Something needs attention")).toBeTruthy();
    expect(screen.getByText("Second copy: It is not mounted.")).toBeTruthy();
  });

  it("says what could not be loaded and shows the rest", async () => {
    showOverview({ "GET /api/admin/queues": () => jsonResponse(500, { detail: "The database is away." }) });
    expect(await screen.findByText("The queues could not be loaded")).toBeTruthy();
    expect(screen.getByText("The database is away.")).toBeTruthy();
    expect(await screen.findByText("This server")).toBeTruthy();
  });

  it("warns when no worker is there", async () => {
    showOverview();
    expect(await screen.findByText(/No worker has told of itself/)).toBeTruthy();
  });

  it("says that there is no connection", async () => {
    onlineManager.setOnline(false);
    const { calls } = showOverview();
    expect((await screen.findAllByText("No connection")).length).toBeGreaterThan(0);
    expect(calls).toEqual([]);
  });

  it("asks again and again, but only while the page is looked at", async () => {
    vi.useFakeTimers({ shouldAdvanceTime: true });
    const visibility = vi.spyOn(document, "visibilityState", "get");
    const { calls } = showOverview();
    const polls = () => askedOf(calls).filter((call) => call === "GET /api/admin/status").length;
    await act(() => vi.advanceTimersByTimeAsync(10_000));
    expect(polls()).toBeGreaterThanOrEqual(3);
    visibility.mockReturnValue("hidden");
    act(() => {
      document.dispatchEvent(new Event("visibilitychange"));
    });
    await act(() => vi.advanceTimersByTimeAsync(100));
    const before = polls();
    await act(() => vi.advanceTimersByTimeAsync(60_000));
    expect(polls()).toBe(before);
    visibility.mockReturnValue("visible");
    act(() => {
      document.dispatchEvent(new Event("visibilitychange"));
    });
    await act(() => vi.advanceTimersByTimeAsync(5_000));
    expect(polls()).toBeGreaterThan(before);
  });
});

function showJobs(filter: JobFilter, openJobId: string | null, answers: Parameters<typeof stubApi>[0]) {
  const calls = stubApi({ "GET /api/admin/queues": () => ({ items: [queueWith()] }), ...answers });
  const handlers = { onFilter: vi.fn(), onOpen: vi.fn(), onOpenPhoto: vi.fn() };
  const toasts = new Toasts();
  const me = jobWith().ownerId;
  renderWithQueries(<JobsPage filter={filter} openJobId={openJobId} userId={me} toasts={toasts} {...handlers} />);
  return { calls, toasts, ...handlers };
}

describe("ADM-1 the jobs", () => {
  it("are asked for as they are filtered, page after page", async () => {
    const { calls } = showJobs({ status: "failed", type: "derive" }, null, {
      "GET /api/admin/jobs": ({ query }) =>
        query.has("cursor")
          ? { items: [jobWith({ id: "b", type: "offload" })], nextCursor: null }
          : { items: [jobWith({ id: "a" })], nextCursor: "next" },
    });
    await userEvent.click(await screen.findByRole("button", { name: "More jobs" }));
    await screen.findByRole("button", { name: /Details of Offload/ });
    const asked = calls.filter(({ path }) => path === "/api/admin/jobs").map(({ query }) => Object.fromEntries(query));
    expect(asked[0]).toEqual({ limit: "50", status: "failed", type: "derive" });
    expect(asked[1]).toEqual({ limit: "50", status: "failed", type: "derive", cursor: "next" });
  });

  it("are filtered by what is chosen", async () => {
    const { onFilter } = showJobs({ type: "derive" }, null, {
      "GET /api/admin/jobs": () => ({ items: [], nextCursor: null }),
    });
    await screen.findByText("No job is like that");
    await userEvent.selectOptions(screen.getByLabelText("Status"), "failed");
    expect(onFilter).toHaveBeenLastCalledWith({ type: "derive", status: "failed" });
    await userEvent.type(screen.getByLabelText(/Photo id/), "not an id");
    expect(onFilter).toHaveBeenCalledOnce();
    expect(screen.getByText("This is no whole photo id yet.")).toBeTruthy();
    await userEvent.clear(screen.getByLabelText(/Photo id/));
    await userEvent.click(screen.getByLabelText(/Photo id/));
    await userEvent.paste(jobWith().photoId);
    expect(onFilter).toHaveBeenLastCalledWith({ type: "derive", photoId: jobWith().photoId });
    await userEvent.click(screen.getByRole("button", { name: "Show all jobs" }));
    expect(onFilter).toHaveBeenLastCalledWith({});
  });

  it("can be tried again: the next run is another job, which is then shown", async () => {
    const job = jobWith();
    const { onOpen, toasts } = showJobs({}, job.id, {
      "GET /api/admin/jobs": () => ({ items: [job], nextCursor: null }),
      [`GET /api/admin/jobs/${job.id}`]: () => job,
      [`POST /api/admin/jobs/${job.id}/retry`]: () => jobWith({ id: "next", status: "pending" }),
    });
    const drawer = await screen.findByRole("dialog");
    expect(await within(drawer).findByText("The file ends too early.")).toBeTruthy();
    expect(within(drawer).queryByRole("button", { name: "Cancel job" })).toBeNull();
    await userEvent.click(within(drawer).getByRole("button", { name: "Try again now" }));
    await waitFor(() => {
      expect(onOpen).toHaveBeenCalledWith("next");
    });
    expect(toasts.items()[0]?.text).toBe("Derive waits to run again");
  });

  it("say why one could not be cancelled", async () => {
    const job = jobWith({ status: "running" });
    const { toasts } = showJobs({}, job.id, {
      "GET /api/admin/jobs": () => ({ items: [job], nextCursor: null }),
      [`GET /api/admin/jobs/${job.id}`]: () => job,
      [`POST /api/admin/jobs/${job.id}/cancel`]: () => jsonResponse(409, { detail: "It has just ended." }),
    });
    await userEvent.click(await screen.findByRole("button", { name: "Cancel job" }));
    await waitFor(() => {
      expect(toasts.items()[0]).toMatchObject({ text: "It has just ended.", tone: "danger" });
    });
    expect(screen.queryByRole("button", { name: "Try again now" })).toBeNull();
  });

  it("lead to the photo only when it is one's own", async () => {
    const job = jobWith({ ownerId: "somebody else" });
    const answers = {
      "GET /api/admin/jobs": () => ({ items: [job], nextCursor: null }),
      [`GET /api/admin/jobs/${job.id}`]: () => job,
    };
    showJobs({}, job.id, answers);
    await screen.findByRole("button", { name: "All jobs of this photo" });
    expect(screen.queryByRole("button", { name: "Look at the photo" })).toBeNull();
    expect(document.querySelector("img")).toBeNull();
  });
});

describe("ADM-4 the schedules", () => {
  it("tell the last run, the verdict with its reason, and the next run", async () => {
    const schedule = {
      name: "evict_derivatives",
      cron: "0 3 * * *",
      status: "failed",
      nextRunAt: "2024-07-01T03:00:00Z",
      lastRunAt: "2024-06-30T03:00:00Z",
      lastFinishedAt: null,
      lastFailedAt: "2024-06-30T03:00:02Z",
      lastError: "The disk is away.",
    };
    const fresh = { ...schedule, name: "scrub", status: "new", lastRunAt: null, lastError: null };
    stubApi({ "GET /api/admin/schedules": () => ({ items: [schedule, fresh] }) });
    renderWithQueries(<SchedulesPage />);
    expect(await screen.findByText("The disk is away.")).toBeTruthy();
    const rows = screen.getAllByRole("row").map((row) => row.textContent);
    expect(rows[1]).toMatch(/^Evict derivatives.*failed.*ago.*0 3 \* \* \*$/);
    expect(rows[2]).toMatch(/^Scrub.*not run yet.*never/);
  });
});
