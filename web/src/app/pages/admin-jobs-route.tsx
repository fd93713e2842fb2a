import { useNavigate, useRouteContext, useSearch } from "@tanstack/react-router";
import type { ReactElement } from "react";

import { JobsPage } from "@/features/admin";

import { readJobsSearch } from "../jobs-search";

export function AdminJobsRoute(): ReactElement {
  const { toasts, user } = useRouteContext({ from: "/member" });
  const { job, ...filter } = useSearch({ from: "/member/admin/jobs" });
  const navigate = useNavigate();
  return (
    <JobsPage
      filter={filter}
      openJobId={job ?? null}
      userId={user.id}
      toasts={toasts}
      onFilter={(next) => void navigate({ to: "/admin/jobs", search: readJobsSearch({ ...next }), replace: true })}
      onOpen={(jobId) =>
        void navigate({ to: "/admin/jobs", search: readJobsSearch({ ...filter, job: jobId }), replace: true })
      }
      onOpenPhoto={(photoId) => void navigate({ to: "/photos/$photoId", params: { photoId } })}
    />
  );
}
