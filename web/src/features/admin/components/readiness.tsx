import type { ReactElement } from "react";

import type { Readiness as ReadinessAnswer } from "@/shared/api";

import { nameOf } from "../model/words";
import styles from "./admin.module.css";
import { Verdict } from "./live";

/** The parts of the node, each well or ill. */
export function Readiness({ readiness }: { readiness: ReadinessAnswer }): ReactElement {
  const ill = readiness.parts.filter(({ ok }) => !ok);
  return (
    <section className={styles["health"]} data-ill={ill.length > 0} aria-label="Health">
      <strong>{ill.length === 0 ? "Everything is well" : "Something needs attention"}</strong>
      <ul className={styles["parts"]}>
        {readiness.parts.map(({ name, ok }) => (
          <li key={name}>
            <Verdict tone={ok ? "ok" : "warning"}>{nameOf(name)}</Verdict>
          </li>
        ))}
      </ul>
      {ill.map(({ name, problem }) => (
        <p key={name} role="alert">
          {nameOf(name)}: {problem ?? "it does not answer"}
        </p>
      ))}
    </section>
  );
}
