import { act, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, describe, expect, it, vi } from "vitest";

import { ToastHost } from "./toast-host";
import { Toasts } from "./toasts";

afterEach(() => {
  vi.useRealTimers();
});

function show(toasts: Toasts, ...parameters: Parameters<Toasts["show"]>): number {
  let id = 0;
  act(() => {
    id = toasts.show(...parameters);
  });
  return id;
}

function pass(ms: number): void {
  act(() => {
    vi.advanceTimersByTime(ms);
  });
}

describe("WEB-5 messages", () => {
  it("go by themselves, those that offer something later", () => {
    vi.useFakeTimers();
    const toasts = new Toasts();
    render(<ToastHost toasts={toasts} />);
    show(toasts, "Plain");
    show(toasts, "Moved", { action: { label: "Undo", run: vi.fn() } });
    pass(7_000);
    expect(screen.queryByText("Plain")).toBeNull();
    expect(screen.getByText("Moved")).toBeTruthy();
    pass(7_000);
    expect(screen.queryByText("Moved")).toBeNull();
  });

  it("stay while the keyboard is on them", () => {
    vi.useFakeTimers();
    const toasts = new Toasts();
    render(<ToastHost toasts={toasts} />);
    show(toasts, "Moved", { action: { label: "Undo", run: vi.fn() } });
    screen.getByRole("button", { name: "Undo" }).focus();
    pass(60_000);
    expect(screen.getByText("Moved")).toBeTruthy();
    screen.getByRole("button", { name: "Undo" }).blur();
    pass(3_000);
    expect(screen.queryByText("Moved")).toBeNull();
  });

  it("do what they offer, once, by a click or by Ctrl+Z", async () => {
    const toasts = new Toasts();
    render(<ToastHost toasts={toasts} />);
    const run = vi.fn();
    show(toasts, "Moved", { action: { label: "Undo", run } });
    await userEvent.click(screen.getByRole("button", { name: "Undo" }));
    expect(run).toHaveBeenCalledOnce();
    expect(screen.queryByText("Moved")).toBeNull();
    show(toasts, "Moved again", { action: { label: "Undo", run } });
    await userEvent.keyboard("{Control>}z{/Control}");
    await userEvent.keyboard("{Control>}z{/Control}");
    expect(run).toHaveBeenCalledTimes(2);
  });

  it("leave Ctrl+Z to who is writing", async () => {
    const toasts = new Toasts();
    render(
      <>
        <input aria-label="Text" />
        <ToastHost toasts={toasts} />
      </>,
    );
    const run = vi.fn();
    show(toasts, "Moved", { action: { label: "Undo", run } });
    await userEvent.type(screen.getByLabelText("Text"), "a{Control>}z{/Control}");
    expect(run).not.toHaveBeenCalled();
  });

  it("keep the offer when others come, but not more than fit", () => {
    const toasts = new Toasts();
    toasts.show("Moved", { action: { label: "Undo", run: vi.fn() } });
    toasts.show("One");
    toasts.show("Two");
    expect(toasts.items().map(({ text }) => text)).toEqual(["Moved", "Two"]);
    expect(toasts.act()).toBe(true);
    expect(toasts.act()).toBe(false);
    toasts.show("Moved", { action: { label: "Undo", run: vi.fn() } });
    toasts.show("Two");
    toasts.withdrawOffers();
    expect(toasts.items().map(({ text }) => text)).toEqual(["Two"]);
  });
});
