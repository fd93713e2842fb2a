import { cleanup } from "@testing-library/react";
import { afterEach } from "vitest";

// jsdom's files know no folder; every browser's do.
if (!("webkitRelativePath" in File.prototype))
  Object.defineProperty(File.prototype, "webkitRelativePath", { value: "" });

afterEach(cleanup);
