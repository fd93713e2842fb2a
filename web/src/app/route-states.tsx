import { Link, useRouter } from "@tanstack/react-router";
import type { ReactElement } from "react";

import { explain } from "@/shared/api";
import { Button, PageState } from "@/shared/ui";

export function RouteError({ error }: { error: unknown }): ReactElement {
  const router = useRouter();
  return (
    <PageState
      icon="warning"
      title="This did not work"
      actions={
        <Button tone="primary" icon="retry" onClick={() => void router.invalidate()}>
          Try again
        </Button>
      }
    >
      {explain(error)}
    </PageState>
  );
}

export function RouteNotFound(): ReactElement {
  return (
    <PageState icon="info" title="There is nothing here" actions={<Link to="/">Go to your photos</Link>}>
      The address may be mistyped, or what it led to is gone.
    </PageState>
  );
}
