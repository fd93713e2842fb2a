import { describe, expect, it } from "vitest";

import { ApiError, errorFromResponse, errorFromSilence, explain } from "./problem";

describe("an error of the API", () => {
  it("says what the problem document says", () => {
    const error = errorFromResponse(409, { code: "upload.offset-mismatch", detail: "Wrong offset.", offset: 12 });
    expect(error).toMatchObject({ status: 409, code: "upload.offset-mismatch", message: "Wrong offset." });
    expect(error.extra["offset"]).toBe(12);
  });

  it.each([null, "<html>", [], { detail: 7 }])("has a sentence of its own for the body %j", (body) => {
    expect(errorFromResponse(507, body).message).toBe("The server has no space left for this.");
    expect(errorFromResponse(418, body).message).toContain("418");
    expect(errorFromResponse(418, body).code).toBe("http.418");
  });

  it("passes by itself when nobody answered, or the server is ill or busy", () => {
    expect(errorFromSilence().isTransient).toBe(true);
    expect([429, 500, 503].map((status) => errorFromResponse(status, null).isTransient)).toEqual([true, true, true]);
    expect([400, 403, 409, 422].some((status) => errorFromResponse(status, null).isTransient)).toBe(false);
  });

  it("is explained whatever was thrown", () => {
    expect(explain(new ApiError(403, "x", "No."))).toBe("No.");
    expect(explain(new Error("Broken."))).toBe("Broken.");
    expect(explain("?")).toBe("Something went wrong.");
  });
});
