import { useQuery } from "@tanstack/react-query";
import { Navigate } from "@tanstack/react-router";
import { Page } from "../components/page.tsx";
import { Loaded } from "../components/states.tsx";
import { messages } from "../messages.ts";
import { registriesQuery } from "../queries/registries.ts";
import { GettingStarted } from "./overview/getting-started.tsx";
import { chooseRegistry } from "./shell/current-registry.ts";

/** The first push makes the first registry: before that there is none whose events could be followed. */
const WAIT_MS = 2000;

export function HomePage() {
  const query = useQuery({
    ...registriesQuery,
    refetchInterval: ({ state }) => (state.data?.length === 0 ? WAIT_MS : false),
  });
  return (
    <Loaded query={query}>
      {(registries) => {
        const registry = chooseRegistry(registries.map(({ name }) => name));
        if (registry !== undefined) {
          return <Navigate to="/registries/$registry" params={{ registry }} replace />;
        }
        return (
          <Page title={messages.gettingStarted.title} lead={messages.gettingStarted.noRegistry}>
            <GettingStarted registry="demo" />
          </Page>
        );
      }}
    </Loaded>
  );
}
