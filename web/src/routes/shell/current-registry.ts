import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { registriesQuery } from "../../queries/registries.ts";

const KEY = "boxyard-registry";

export function rememberRegistry(name: string): void {
  localStorage.setItem(KEY, name);
}

/** The registry that the page is about; on the account's pages the one that was looked at last. */
export function useCurrentRegistry(): string | undefined {
  const { registry } = useParams({ strict: false });
  const { data: registries } = useQuery(registriesQuery);
  return registry ?? chooseRegistry(registries?.map(({ name }) => name) ?? []);
}

/** Of these the one that was looked at last, or else the first. */
export function chooseRegistry(names: readonly string[]): string | undefined {
  const last = localStorage.getItem(KEY);
  return names.find((name) => name === last) ?? names[0];
}
