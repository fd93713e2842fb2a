/** All routes of the web client, and who may see them. */
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  notFound,
  Outlet,
  redirect,
} from "@tanstack/react-router";

import { isManager, serverInfoQuery, sessionQuery } from "@/features/accounts";

import { readJobsSearch } from "./jobs-search";
import { RouteError, RouteNotFound } from "./route-states";
import type { Services } from "./services";

const rootRoute = createRootRouteWithContext<Services>()({
  component: Outlet,
  errorComponent: RouteError,
  notFoundComponent: RouteNotFound,
});

const claimRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/claim",
  beforeLoad: async ({ context }) => {
    const server = await context.client.query(serverInfoQuery);
    if (server.claimed) throw redirect({ to: "/login", replace: true });
  },
  component: lazyRouteComponent(() => import("./pages/claim-route"), "ClaimRoute"),
});

interface LoginSearch {
  /** Where to go after logging in. */
  next?: string;
}

const loginRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/login",
  // Only paths of this site: anything else would send people elsewhere with their trust in this page.
  validateSearch: ({ next }: Record<string, unknown>): LoginSearch =>
    typeof next === "string" && /^\/(?![/\\])/.test(next) ? { next } : {},
  beforeLoad: async ({ context }) => {
    const server = await context.client.query(serverInfoQuery);
    if (!server.claimed) throw redirect({ to: "/claim", replace: true });
    if ((await context.client.query(sessionQuery)) !== null) throw redirect({ to: "/", replace: true });
  },
  component: lazyRouteComponent(() => import("./pages/login-route"), "LoginRoute"),
});

const memberRoute = createRoute({
  getParentRoute: () => rootRoute,
  id: "member",
  beforeLoad: async ({ context, location }) => {
    const user = await context.client.query(sessionQuery);
    if (user !== null) return { user };
    const search = location.href === "/" ? {} : { next: location.href };
    throw redirect({ to: "/login", search, replace: true });
  },
  component: lazyRouteComponent(() => import("./shell/shell"), "Shell"),
});

const timelineRoute = createRoute({
  getParentRoute: () => memberRoute,
  id: "timeline",
  component: lazyRouteComponent(() => import("./pages/timeline-route"), "TimelineRoute"),
});

const photosRoute = createRoute({ getParentRoute: () => timelineRoute, path: "/", component: () => null });

const photoRoute = createRoute({
  getParentRoute: () => timelineRoute,
  path: "/photos/$photoId",
  component: lazyRouteComponent(() => import("./pages/photo-route"), "PhotoRoute"),
});

const trashRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: "/trash",
  component: lazyRouteComponent(() => import("./pages/trash-route"), "TrashRoute"),
});

const rememberedRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: "/trash/remembered",
  component: lazyRouteComponent(() => import("./pages/remembered-route"), "RememberedRoute"),
});

const adminRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: "/admin",
  beforeLoad: ({ context }) => {
    if (!isManager(context.user)) throw notFound();
  },
  component: lazyRouteComponent(() => import("./pages/admin-route"), "AdminRoute"),
});

const adminOverviewRoute = createRoute({
  getParentRoute: () => adminRoute,
  path: "/",
  component: lazyRouteComponent(() => import("./pages/admin-overview-route"), "AdminOverviewRoute"),
});

const adminJobsRoute = createRoute({
  getParentRoute: () => adminRoute,
  path: "/jobs",
  validateSearch: readJobsSearch,
  component: lazyRouteComponent(() => import("./pages/admin-jobs-route"), "AdminJobsRoute"),
});

const adminSchedulesRoute = createRoute({
  getParentRoute: () => adminRoute,
  path: "/schedules",
  component: lazyRouteComponent(() => import("./pages/admin-schedules-route"), "AdminSchedulesRoute"),
});

const routeTree = rootRoute.addChildren([
  claimRoute,
  loginRoute,
  memberRoute.addChildren([
    timelineRoute.addChildren([photosRoute, photoRoute]),
    trashRoute,
    rememberedRoute,
    adminRoute.addChildren([adminOverviewRoute, adminJobsRoute, adminSchedulesRoute]),
  ]),
]);

export function makeRouter(services: Services) {
  return createRouter({ routeTree, context: services, defaultPreload: false, scrollRestoration: false });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
  interface HistoryState {
    /** The photo was opened from the timeline, so "back" leads to it. */
    fromTimeline?: boolean;
  }
}
