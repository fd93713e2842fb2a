import { Link } from "@tanstack/react-router";
import type { ReactElement } from "react";

export function TrashTabs(): ReactElement {
  return (
    <>
      <Link to="/trash" activeOptions={{ exact: true }} activeProps={{ "data-active": "" }}>
        Photos
      </Link>
      <Link to="/trash/remembered" activeProps={{ "data-active": "" }}>
        Remembered deletions
      </Link>
    </>
  );
}
