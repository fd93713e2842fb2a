/** The rings of the web client: app → features → shared; features do not know each other; no cycles. */
/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    {
      name: "shared-knows-nobody",
      severity: "error",
      from: { path: "^src/shared" },
      to: { path: "^src/(app|features)" },
    },
    { name: "features-below-app", severity: "error", from: { path: "^src/features" }, to: { path: "^src/app" } },
    {
      name: "features-do-not-know-each-other",
      severity: "error",
      from: { path: "^src/features/([^/]+)/" },
      to: { path: "^src/features/", pathNot: "^src/features/$1/" },
    },
    {
      name: "features-have-a-front-door",
      comment: "The app uses a feature through its index.ts only.",
      severity: "error",
      from: { path: "^src/app" },
      to: { path: "^src/features/[^/]+/", pathNot: "^src/features/[^/]+/index\\.ts$" },
    },
    {
      name: "models-are-pure",
      comment: "model/ holds pure functions: no React, no network, no components.",
      severity: "error",
      from: { path: "^src/features/[^/]+/model/" },
      to: {
        path: [
          "^src/features/[^/]+/(api|components|renderer)",
          "node_modules/(react|@tanstack|@radix-ui|openapi-fetch)",
        ],
      },
    },
    {
      name: "no-new-folders",
      comment: "A new folder fails until it is placed in the rings.",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/(app|features|shared)/" },
      to: {},
    },
    {
      name: "not-to-dev-dep",
      severity: "error",
      from: { path: "^src", pathNot: "(\\.test\\.tsx?$|^src/shared/testing)" },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"] },
    },
    { name: "not-to-unresolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.app.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "browser", "default", "types"],
    },
  },
};
