export { SchedulesPage as AdminSchedulesRoute } from "@/features/admin";
