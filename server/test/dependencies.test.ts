import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path/posix";
import { parseSync, Visitor } from "rolldown/utils";
import { describe, expect, test } from "vitest";

// Which way imports point. To change a line here is to change the design.

const SOURCES = new URL("../src/", import.meta.url);

/** What of ours each folder may import, besides itself: folders, or single files. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  model: [],
  storage: ["model"],
  // It starts the worker that checkpoints, so it knows where workers lie and nothing else of them.
  metadata: ["model", "workers/worker-url.ts"],
  auth: ["model", "metadata"],
  // It starts the workers that parse large manifests and that unpack.
  registry: ["model", "metadata", "storage", "workers/worker-url.ts"],
  gc: ["model", "metadata", "storage", "registry"],
  workers: ["model", "metadata", "storage"],
  oci: ["model", "metadata", "registry", "auth"],
  // It serves the description that is made from its schemas.
  api: ["model", "metadata", "registry", "auth", "gc", "../../openapi.json"],
  process: ["model", "config.ts", "metadata", "registry"],
  cli: ["config.ts", "setting-values.ts"],
};

/** The files directly in src put the parts together: they may import anything. */
const ANYTHING = "";

/** Packages that only some folders or files know; a name ends with `/` where it is a scope. */
const ONLY_IN: readonly { packages: readonly string[]; places: readonly string[] }[] = [
  {
    packages: ["fastify", "@fastify/"],
    places: ["oci", "api", "auth/access.ts", "auth/management-access.ts", "app.ts"],
  },
  { packages: ["kysely", "pg"], places: ["metadata"] },
  { packages: ["@aws-sdk/"], places: ["storage/s3.ts"] },
];

/** All that `model` may import from outside: it is pure. */
const PURE_PACKAGES: readonly string[] = ["node:crypto"];

/** The only file that reads the environment. */
const ENVIRONMENT_READER = "config.ts";

describe("imports", () => {
  const paths = readdirSync(SOURCES, { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".ts"));

  test.for(paths)("%s imports only what its place allows", (path) => {
    expect(violations(path, readFileSync(new URL(path, SOURCES), "utf8"))).toEqual([]);
  });
});

describe("the check on imports", () => {
  test.for([
    ["storage/filesystem.ts", 'import { createHash } from "node:crypto";'],
    ["storage/filesystem.ts", 'import type { StorageKey } from "./blob-store.ts";'],
    ["metadata/migrations/one.ts", 'import { sql } from "kysely";'],
    ["metadata/database.ts", 'import { Migrator } from "kysely/migration";'],
    ["metadata/migrations/one.ts", 'import { parseDigest } from "../../model/digest.ts";'],
    ["metadata/checkpointer.ts", 'import { workerUrl } from "../workers/worker-url.ts";'],
    ["auth/access.ts", 'import type { FastifyRequest } from "fastify";'],
    ["api/tags.ts", 'import { step } from "../gc/run.ts";'],
    ["cli/start.ts", 'import { readConfig } from "../config.ts";'],
    ["app.ts", 'import { blobRoutes } from "./oci/blobs.ts"; import fastify from "fastify";'],
    ["config.ts", "export const port = process.env.BOXYARD_PORT;"],
    [
      "model/name.ts",
      '// import { readFile } from "node:fs";\nexport const text = "from \'../oci/url.ts\'";',
    ],
  ] as const)("allows in %s: %s", ([path, text]) => {
    expect(violations(path, text)).toEqual([]);
  });

  test.for([
    ["storage/s3.ts", 'import { x } from "../metadata/blobs.ts";', "../metadata/blobs.ts"],
    ["metadata/blobs.ts", 'import { x } from "../storage/filesystem.ts";', "../storage/filesystem.ts"],
    ["metadata/checkpointer.ts", 'import { x } from "../workers/checkpoint.ts";', "../workers/checkpoint.ts"],
    [
      "oci/blobs.ts",
      'import type { BlobStore } from "../storage/blob-store.ts";',
      "../storage/blob-store.ts",
    ],
    ["oci/tags.ts", 'import { x } from "../api/tags.ts";', "../api/tags.ts"],
    ["oci/tags.ts", 'import { x } from "../gc/run.ts";', "../gc/run.ts"],
    ["registry/tags.ts", 'export { x } from "../auth/access.ts";', "../auth/access.ts"],
    ["registry/tags.ts", 'export * from "../config.ts";', "../config.ts"],
    ["registry/tags.ts", 'const x = await import("../app.ts");', "../app.ts"],
    ["registry/tags.ts", 'type App = import("../app.ts").App;', "../app.ts"],
    ["registry/tags.ts", "const x = await import(name);", "an import whose name is not written out"],
    ["registry/tags.ts", 'import { sql } from "kysely";', "kysely"],
    ["auth/tokens.ts", 'import type { FastifyRequest } from "fastify";', "fastify"],
    ["main.ts", 'import swagger from "@fastify/swagger";', "@fastify/swagger"],
    ["main.ts", 'import pg from "pg";', "pg"],
    ["storage/filesystem.ts", 'import { S3Client } from "@aws-sdk/client-s3";', "@aws-sdk/client-s3"],
    ["api/tags.ts", 'import { Migrator } from "kysely/migration";', "kysely/migration"],
    ["model/digest.ts", 'import { readFile } from "node:fs/promises";', "node:fs/promises"],
    ["model/digest.ts", 'import { LRUCache } from "lru-cache";', "lru-cache"],
    ["cli/start.ts", 'import { openDatabase } from "../metadata/database.ts";', "../metadata/database.ts"],
    ["oci/url.ts", 'import { x } from "../../../client/index.ts";', "../../../client/index.ts"],
    ["helpers/text.ts", 'import { x } from "../model/name.ts";', "../model/name.ts"],
    ["main.ts", 'const home = process.env["HOME"];', "process.env"],
    ["main.ts", 'import { env } from "node:process";', "process.env"],
    ["main.ts", "const { env } = process;", "process.env"],
  ] as const)("refuses in %s: %s", ([path, text, found]) => {
    expect(violations(path, text)).toEqual([found]);
  });
});

/** What a source file imports or reads and should not, as written there. */
function violations(path: string, text: string): string[] {
  const { imports, readsEnvironment } = parse(path, text);
  const found = imports.filter((specifier) =>
    specifier.startsWith(".") ? !mayImport(path, specifier) : !mayUsePackage(path, specifier),
  );
  if (readsEnvironment && path !== ENVIRONMENT_READER) found.push("process.env");
  return found;
}

function mayImport(path: string, specifier: string): boolean {
  const folder = folderOf(path);
  const target = normalize(join(dirname(path), specifier));
  if (folder === ANYTHING) return true;
  return [folder, ...(MAY_IMPORT[folder] ?? [])].some((place) => isIn(place, target));
}

function mayUsePackage(path: string, specifier: string): boolean {
  if (specifier === COMPUTED) return false;
  if (folderOf(path) === "model") return PURE_PACKAGES.includes(specifier);
  const rule = ONLY_IN.find(({ packages }) => packages.some((name) => isOf(name, specifier)));
  return rule === undefined || rule.places.some((place) => isIn(place, path));
}

function folderOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : ANYTHING;
}

function isIn(place: string, path: string): boolean {
  return path === place || path.startsWith(`${place}/`);
}

function isOf(name: string, specifier: string): boolean {
  return specifier === name || specifier.startsWith(name.endsWith("/") ? name : `${name}/`);
}

const COMPUTED = "an import whose name is not written out";

function parse(path: string, text: string): { imports: string[]; readsEnvironment: boolean } {
  const { program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors.map((error) => error.message).join(", ")}`);

  const imports: string[] = [];
  let readsEnvironment = false;
  new Visitor({
    ImportDeclaration({ source, specifiers }) {
      imports.push(source.value);
      if (!/^(node:)?process$/.test(source.value)) return;
      readsEnvironment ||= specifiers.some((specifier) => specifier.local.name === "env");
    },
    ExportAllDeclaration({ source }) {
      imports.push(source.value);
    },
    ExportNamedDeclaration({ source }) {
      if (source) imports.push(source.value);
    },
    ImportExpression({ source }) {
      imports.push(source.type === "Literal" && typeof source.value === "string" ? source.value : COMPUTED);
    },
    TSImportType({ source }) {
      imports.push(source.value);
    },
    MemberExpression({ object, property }) {
      if (object.type !== "Identifier" || object.name !== "process") return;
      const name = property.type === "Identifier" ? property.name : "value" in property && property.value;
      readsEnvironment ||= name === "env";
    },
    VariableDeclarator({ id, init }) {
      if (init?.type !== "Identifier" || init.name !== "process" || id.type !== "ObjectPattern") return;
      readsEnvironment ||= id.properties.some(
        (property) =>
          property.type === "Property" && property.key.type === "Identifier" && property.key.name === "env",
      );
    },
  }).visit(program);
  return { imports, readsEnvironment };
}
