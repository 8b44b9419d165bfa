import { Outlet, useParams } from "@tanstack/react-router";
import { useEffect } from "react";
import { useEventStream } from "../api/event-stream.ts";
import { rememberRegistry } from "./shell/current-registry.ts";

/** What all pages of a registry have in common: they follow what happens in it. */
export function RegistryLayout() {
  const { registry } = useParams({ from: "/panel/registries/$registry" });
  useEventStream(registry);
  useEffect(() => rememberRegistry(registry), [registry]);
  return <Outlet />;
}
