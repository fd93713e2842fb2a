export { statusQuery } from "./api";
export { JobsPage } from "./components/jobs-page";
export { LiveMark } from "./components/live";
export { OverviewPage } from "./components/overview-page";
export { SchedulesPage } from "./components/schedules-page";
