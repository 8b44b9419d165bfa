/** Bundles the panel, in memory: the server's build puts it beside the server (server/build.ts). */
import { join } from "node:path";

const WEB = import.meta.dirname;

/** What the panel is made from, besides packages: folders and files. */
export const PANEL_SOURCES = [
  join(WEB, "src"),
  join(WEB, "index.html"),
  join(WEB, "build.ts"),
  join(WEB, "package.json"),
  join(WEB, "vite.config.ts"),
  join(WEB, "../client/src"),
];

/** The panel's files, by their names below its folder. */
export async function buildPanel(): Promise<(readonly [name: string, content: string | Uint8Array])[]> {
  // Vite takes it from who builds: a test run's would bundle React as it is for development, twice as large.
  process.env.NODE_ENV = "production";
  // Imported here: a start that has nothing to build should not wait for it.
  const { build } = await import("vite");
  const result = await build({
    configFile: join(WEB, "vite.config.ts"),
    build: { write: false },
    logLevel: "warn",
  });
  if (Array.isArray(result) || !("output" in result)) throw new Error("the panel has one bundle");
  return result.output.map((file) => [file.fileName, file.type === "chunk" ? file.code : file.source]);
}
