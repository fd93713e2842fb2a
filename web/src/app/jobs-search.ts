/** The filters of the jobs page, as they stand in its address. */
export interface JobsSearch {
  status?: "pending" | "running" | "completed" | "failed";
  type?: string;
  photoId?: string;
  /** The job that lies open. */
  job?: string;
}

const STATUSES = ["pending", "running", "completed", "failed"] as const;

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Return the filters of an address; what they cannot be is left out. */
export function readJobsSearch(search: Record<string, unknown>): JobsSearch {
  const status = STATUSES.find((one) => one === search["status"]);
  const [type, photoId, job] = [search["type"], search["photoId"], search["job"]].map(textOf);
  return {
    ...(status && { status }),
    ...(type !== undefined && { type }),
    ...(photoId !== undefined && { photoId }),
    ...(job !== undefined && { job }),
  };
}
