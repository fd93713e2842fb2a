import { screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, describe, expect, it, vi } from "vitest";

import { jsonResponse, renderWithQueries } from "@/shared/testing/render";

import { ClaimPage } from "./claim-page";
import { LoginPage } from "./login-page";

afterEach(() => {
  vi.unstubAllGlobals();
});

function serve(status: number, body: unknown) {
  const bodies: unknown[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    bodies.push(await request.json());
    return jsonResponse(status, body);
  });
  return bodies;
}

describe("the login", () => {
  it("sends the credentials and asks for cookies instead of tokens", async () => {
    const bodies = serve(200, {});
    const onDone = vi.fn();
    renderWithQueries(<LoginPage onDone={onDone} />);
    await userEvent.type(screen.getByLabelText("E-mail"), "ada@example.org");
    await userEvent.type(screen.getByLabelText("Password"), " secret ");
    await userEvent.click(screen.getByRole("button", { name: "Log in" }));
    expect(await vi.waitFor(() => onDone.mock.calls.length)).toBe(1);
    expect(bodies).toEqual([{ email: "ada@example.org", password: " secret ", cookie: true }]);
  });

  it("says why it was refused, and keeps what was typed", async () => {
    serve(401, { code: "auth.credentials", detail: "E-mail or password is wrong." });
    const onDone = vi.fn();
    renderWithQueries(<LoginPage onDone={onDone} />);
    await userEvent.type(screen.getByLabelText("E-mail"), "ada@example.org");
    await userEvent.type(screen.getByLabelText("Password"), "x");
    await userEvent.click(screen.getByRole("button", { name: "Log in" }));
    expect((await screen.findByRole("alert")).textContent).toContain("E-mail or password is wrong.");
    expect(screen.getByLabelText<HTMLInputElement>("E-mail").value).toBe("ada@example.org");
    expect(onDone).not.toHaveBeenCalled();
  });
});

describe("the claim", () => {
  it("sends code, name and credentials", async () => {
    const bodies = serve(201, {});
    const onDone = vi.fn();
    renderWithQueries(<ClaimPage onDone={onDone} />);
    await userEvent.type(screen.getByLabelText("Claim code"), " CODE ");
    await userEvent.type(screen.getByLabelText("Your name"), "Ada");
    await userEvent.type(screen.getByLabelText("E-mail"), "ada@example.org");
    await userEvent.type(screen.getByLabelText("Password"), "secret");
    await userEvent.click(screen.getByRole("button", { name: "Claim server" }));
    await vi.waitFor(() => {
      expect(onDone).toHaveBeenCalledOnce();
    });
    expect(bodies).toEqual([{ code: "CODE", name: "Ada", email: "ada@example.org", password: "secret", cookie: true }]);
  });
});
