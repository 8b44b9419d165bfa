import type { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from "@tanstack/react-router";
import { isSessionOver } from "./api/client.ts";
import { createQueryClient } from "./api/query-client.ts";
import { Loading } from "./components/states.tsx";
import { sessionKey } from "./queries/keys.ts";
import { MANIFEST_FILTERS } from "./queries/manifests.ts";
import { EVENT_KINDS } from "./queries/registries.ts";
import { sessionQuery } from "./queries/session.ts";
import { NotFoundPage, RouteFailure } from "./routes/failures.tsx";
import { MANIFEST_VIEWS } from "./routes/manifest/views.ts";
import { optional, readListSearch, readOneOf, readText } from "./search.ts";

const root = createRootRouteWithContext<{ queryClient: QueryClient }>()({
  component: Outlet,
  notFoundComponent: NotFoundPage,
});

const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: ({ return: path }: Record<string, unknown>) => optional({ return: readPath(path) }),
  component: lazyRouteComponent(() => import("./routes/sign-in.tsx"), "SignInPage"),
});

const setup = createRoute({
  getParentRoute: () => root,
  path: "/setup",
  component: lazyRouteComponent(() => import("./routes/setup.tsx"), "SetupPage"),
});

/** All pages for who is signed in. */
const panel = createRoute({
  getParentRoute: () => root,
  id: "panel",
  beforeLoad: async ({ context, location }) => {
    try {
      await context.queryClient.ensureQueryData(sessionQuery);
    } catch (error) {
      if (!isSessionOver(error)) throw error;
      throw redirect({ to: "/sign-in", search: location.href === "/" ? {} : { return: location.href } });
    }
  },
  component: lazyRouteComponent(() => import("./routes/shell/shell.tsx"), "Shell"),
  errorComponent: RouteFailure,
});

const home = createRoute({
  getParentRoute: () => panel,
  path: "/",
  component: lazyRouteComponent(() => import("./routes/home.tsx"), "HomePage"),
});

const registries = createRoute({
  getParentRoute: () => panel,
  path: "/registries",
  component: lazyRouteComponent(() => import("./routes/registries/registries.tsx"), "RegistriesPage"),
});

const access = createRoute({
  getParentRoute: () => panel,
  path: "/access",
  component: lazyRouteComponent(() => import("./routes/access/access.tsx"), "AccessPage"),
});

const plan = createRoute({
  getParentRoute: () => panel,
  path: "/plan",
  component: lazyRouteComponent(() => import("./routes/plan.tsx"), "PlanPage"),
});

const about = createRoute({
  getParentRoute: () => panel,
  path: "/about",
  component: lazyRouteComponent(() => import("./routes/about.tsx"), "AboutPage"),
});

const registry = createRoute({
  getParentRoute: () => panel,
  path: "/registries/$registry",
  component: lazyRouteComponent(() => import("./routes/registry-layout.tsx"), "RegistryLayout"),
});

const overview = createRoute({
  getParentRoute: () => registry,
  path: "/",
  component: lazyRouteComponent(() => import("./routes/overview/overview.tsx"), "OverviewPage"),
});

const repositories = createRoute({
  getParentRoute: () => registry,
  path: "/repositories",
  validateSearch: (search: Record<string, unknown>) =>
    readListSearch(search, ["name", "updated", "pulled", "pulls", "size", "tags"]),
  component: lazyRouteComponent(() => import("./routes/repositories.tsx"), "RepositoriesPage"),
});

const activity = createRoute({
  getParentRoute: () => registry,
  path: "/activity",
  validateSearch: readKind,
  component: lazyRouteComponent(() => import("./routes/activity.tsx"), "ActivityPage"),
});

const cleanUp = createRoute({
  getParentRoute: () => registry,
  path: "/clean-up",
  validateSearch: (search: Record<string, unknown>) => optional({ type: readText(search.type) }),
  component: lazyRouteComponent(() => import("./routes/clean-up/clean-up.tsx"), "CleanUpPage"),
});

const registrySettings = createRoute({
  getParentRoute: () => registry,
  path: "/settings",
  component: lazyRouteComponent(() => import("./routes/registry-settings.tsx"), "RegistrySettingsPage"),
});

const repository = createRoute({
  getParentRoute: () => registry,
  path: "/repositories/$repository",
  component: lazyRouteComponent(
    () => import("./routes/repository/repository-layout.tsx"),
    "RepositoryLayout",
  ),
});

const tags = createRoute({
  getParentRoute: () => repository,
  path: "/",
  validateSearch: (search: Record<string, unknown>) =>
    readListSearch(search, ["name", "pushed", "pulled", "size"]),
  component: lazyRouteComponent(() => import("./routes/repository/tags.tsx"), "TagsTab"),
});

const manifests = createRoute({
  getParentRoute: () => repository,
  path: "/manifests",
  validateSearch: (search: Record<string, unknown>) =>
    optional({ q: readText(search.q), filter: readOneOf(search.filter, MANIFEST_FILTERS) }),
  component: lazyRouteComponent(() => import("./routes/repository/manifests.tsx"), "ManifestsTab"),
});

const referrers = createRoute({
  getParentRoute: () => repository,
  path: "/referrers",
  validateSearch: (search: Record<string, unknown>) => optional({ q: readText(search.q) }),
  component: lazyRouteComponent(() => import("./routes/repository/manifests.tsx"), "ReferrersTab"),
});

const repositoryActivity = createRoute({
  getParentRoute: () => repository,
  path: "/activity",
  validateSearch: readKind,
  component: lazyRouteComponent(() => import("./routes/activity.tsx"), "RepositoryActivityTab"),
});

const repositorySettings = createRoute({
  getParentRoute: () => repository,
  path: "/settings",
  component: lazyRouteComponent(() => import("./routes/repository/settings.tsx"), "RepositorySettingsTab"),
});

const manifest = createRoute({
  getParentRoute: () => registry,
  path: "/repositories/$repository/manifests/$digest",
  validateSearch: (search: Record<string, unknown>) =>
    optional({
      view: readOneOf(search.view, MANIFEST_VIEWS),
      /** The tag by which one came here. */
      tag: readText(search.tag),
      /** Of an index: the manifest in it that is shown. */
      platform: readText(search.platform),
    }),
  component: lazyRouteComponent(() => import("./routes/manifest/manifest.tsx"), "ManifestPage"),
});

const routeTree = root.addChildren([
  signIn,
  setup,
  panel.addChildren([
    home,
    registries,
    access,
    plan,
    about,
    registry.addChildren([
      overview,
      repositories,
      activity,
      cleanUp,
      registrySettings,
      repository.addChildren([tags, manifests, referrers, repositoryActivity, repositorySettings]),
      manifest,
    ]),
  ]),
]);

export const queryClient = createQueryClient(askToSignIn);

export const router = createRouter({
  routeTree,
  context: { queryClient },
  // Digests stay readable.
  pathParamsAllowedCharacters: [":"],
  defaultPreload: "intent",
  defaultPreloadStaleTime: 0,
  defaultPendingComponent: Loading,
  defaultErrorComponent: RouteFailure,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}

/** The session has ended: sign in, and come back to this page. */
function askToSignIn(): void {
  queryClient.removeQueries({ queryKey: sessionKey });
  const { pathname, href } = router.state.location;
  if (pathname === "/sign-in" || pathname === "/setup") return;
  void router.navigate({ to: "/sign-in", search: href === "/" ? {} : { return: href } });
}

/** A path of the panel's own: what leads to another site is left out. */
function readPath(value: unknown): string | undefined {
  const path = readText(value);
  return path?.startsWith("/") && !path.startsWith("//") && !path.includes("\\") ? path : undefined;
}

function readKind(search: Record<string, unknown>) {
  return optional({ kind: EVENT_KINDS.find((kind) => kind === search.kind) });
}
