import { describe, expect, it } from "vitest";

import { planLoads } from "./loads";
import { isFast, nextVelocity, type Velocity } from "./velocity";

const NOTHING = { wanted: [], loaded: [], loading: [], isFast: false };

describe("what to load", () => {
  it("loads what is in view and neither there nor on its way", () => {
    const plan = planLoads({ ...NOTHING, wanted: ["c", "a", "b"], loaded: ["a"], loading: ["b"] });
    expect(plan).toEqual({ load: ["c"], cancel: [], drop: [] });
  });

  it("cancels what was scrolled past", () => {
    expect(planLoads({ ...NOTHING, wanted: ["b"], loading: ["a", "b"] }).cancel).toEqual(["a"]);
  });

  it("begins nothing while the view flies by", () => {
    expect(planLoads({ ...NOTHING, wanted: ["a"], isFast: true }).load).toEqual([]);
  });

  it("lets go of the months seen longest ago, and never of one in view", () => {
    const loaded = Array.from({ length: 30 }, (_, index) => `m${index}`);
    const plan = planLoads({ ...NOTHING, wanted: ["m0"], loaded });
    expect(plan.drop).toHaveLength(21);
    expect(plan.drop).toContain("m1");
    expect(plan.drop).not.toContain("m0");
    expect(plan.drop).not.toContain("m29");
  });
});

describe("velocity", () => {
  const scroll = (pxPerFrame: number, frames: number) =>
    Array.from({ length: frames }).reduce<Velocity>(
      (velocity, _, index) => nextVelocity(velocity, (index + 1) * pxPerFrame, 1000 + (index + 1) * 16.7),
      { top: 0, atMs: 1000, pxPerS: 0 },
    );

  it("lets the wheel load and a flung scroll bar not", () => {
    expect(isFast(scroll(50, 20), 800)).toBe(false);
    expect(isFast(scroll(2_000, 20), 800)).toBe(true);
  });

  it("rests after a pause, however far the view has gone since", () => {
    const fast = scroll(2_000, 20);
    expect(isFast(nextVelocity(fast, 1e6, fast.atMs + 1_000), 800)).toBe(false);
  });
});
