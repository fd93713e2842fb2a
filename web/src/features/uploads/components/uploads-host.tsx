import { type ReactElement, type ReactNode, useEffect } from "react";

import type { UploadManager } from "../manager";
import { DropZone } from "./drop-zone";
import { UploadPanel } from "./upload-panel";
import { type Place, UploadsContext, useUploadsValue } from "./uploads-context";

interface UploadsHostProps {
  manager: UploadManager;
  onVisit: (place: Place) => void;
  children: ReactNode;
}

/** Everything inside can start uploads; files can be dropped anywhere. */
export function UploadsHost({ manager, onVisit, children }: UploadsHostProps): ReactElement {
  const value = useUploadsValue(manager, onVisit);

  useEffect(() => {
    const warn = (event: BeforeUnloadEvent) => {
      if (manager.isBusy) event.preventDefault();
    };
    addEventListener("beforeunload", warn);
    return () => {
      removeEventListener("beforeunload", warn);
    };
  }, [manager]);

  return (
    <UploadsContext value={value}>
      {children}
      <UploadPanel />
      <DropZone />
    </UploadsContext>
  );
}
