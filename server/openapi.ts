/**
 * Writes openapi.json, the description of the management API: `node server/openapi.ts`. It is made from the schemas that
 * requests are held to.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { STATUS_CODES } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import swagger, { type FastifyDynamicSwaggerOptions } from "@fastify/swagger";
import { fastify } from "fastify";
import { healthRoutes } from "./src/api/health.ts";
import { metricsRoutes } from "./src/api/metrics.ts";
import { managementPlane } from "./src/api/plane.ts";
import { JwtSigner } from "./src/auth/jwts.ts";
import { TOKEN_SCOPES } from "./src/model/scope.ts";
import { openBackend } from "./src/registry/backend.ts";
import { healthOf } from "./src/registry/health.ts";
import { VERSION } from "./src/version.ts";

export const OPENAPI_FILE = join(import.meta.dirname, "../openapi.json");

/** The groups of operations: where their paths begin, and what they are. The last that fits is an operation's. */
const GROUPS = {
  registry: {
    prefixes: ["/v2/registry"],
    description: "An account's only registry, and those that are named.",
  },
  registries: { prefixes: ["/v2/registries"], description: "An account's registries." },
  account: { prefixes: ["/v2/account"], description: "The account." },
  oauth: { prefixes: ["/v1/oauth"], description: "What clients ask when they log in and out." },
  boxyard: { prefixes: ["/api/v1"], description: "What DigitalOcean's API has no words for." },
  server: {
    prefixes: ["/v2/registry/auth", "/livez", "/readyz", "/metrics"],
    description: "What programs ask that push and pull, or that watch the server. It is not counted.",
  },
} as const;

const BUDGET = {
  "ratelimit-limit": "How many calls a token may make in an hour.",
  "ratelimit-remaining": "How many are left.",
  "ratelimit-reset": "When the oldest call is forgotten, in seconds since 1970.",
};

/** The document as the file has it. */
export async function describeApi(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "boxyard-openapi-"));
  try {
    // Routes are made for a backend; none of them is called.
    await using backend = await openBackend({
      dataDir: folder,
      dbUrl: undefined,
      leaseSeconds: 1,
      writeTokenLifeSeconds: 1,
    });
    const app = fastify();
    await app.register(swagger, {
      openapi: {
        openapi: "3.1.0",
        info: {
          title: "Boxyard",
          version: VERSION,
          description: "The management API of a container registry, in the shapes of DigitalOcean's.",
          license: { name: "Apache 2.0", identifier: "Apache-2.0" },
        },
        servers: [{ url: "/" }],
        tags: Object.entries(GROUPS).map(([name, { description }]) => ({ name, description })),
        components: {
          securitySchemes: {
            bearer_auth: {
              type: "http",
              scheme: "bearer",
              description: `An API token. Its scopes are of: ${TOKEN_SCOPES.join(", ")}.`,
            },
            basic_auth: {
              type: "http",
              scheme: "basic",
              description: "Any user name, and an API token or a docker credential for a password.",
            },
          },
        },
      },
      transform: inItsGroup(),
    });
    const context = {
      backend,
      version: VERSION,
      health: healthOf(backend),
      readiness: { stopping: false },
      jwts: await JwtSigner.open(backend),
      rateLimiter: undefined,
      originOf: () => "",
      isLocal: () => false,
    };
    managementPlane(app, context);
    healthRoutes(app, context);
    metricsRoutes(app, context, { isOpen: false });
    await app.ready();
    const document = app.swagger() as unknown as Document;
    nameSchemas(document);
    completeAnswers(document);
    relaxBodies(document);
    return `${JSON.stringify(document, null, 2)}\n`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

type Transform = NonNullable<FastifyDynamicSwaggerOptions["transform"]>;

/** Gives an operation its group. A second path to it, and what has no description, is left out. */
function inItsGroup(): Transform {
  const described = new Set<string>();
  return ({ schema, url }) => {
    const { operationId } = schema ?? {};
    const group = Object.entries(GROUPS).findLast(([, { prefixes }]) =>
      prefixes.some((prefix) => `${url}/`.startsWith(`${prefix}/`)),
    )?.[0];
    const id = `${group}_${operationId}`;
    if (operationId === undefined || group === undefined || described.has(id)) {
      return { schema: { hide: true }, url };
    }
    described.add(id);
    // A path that ends with a slash is another one.
    return { schema: { ...schema, operationId: id, tags: [group] }, url: url.replace(/\/$/, "") };
  };
}

interface Operation {
  tags: [keyof typeof GROUPS];
  requestBody?: { required: boolean; content: Record<string, { schema: { required?: string[] } }> };
  responses: Record<string, { $ref: string } | { description: string; content?: object; headers?: object }>;
}

interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: object; responses: object; headers: object };
}

/** Moves each schema that has a title into `components`, where it is once. */
function nameSchemas(document: Document): void {
  const schemas: Record<string, unknown> = {};
  const refer = (value: unknown): unknown => {
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map(refer);
    const copy = Object.fromEntries(Object.entries(value).map(([name, one]) => [name, refer(one)]));
    if (copy.type !== "object" || typeof copy.title !== "string") return copy;
    schemas[copy.title] = copy;
    return { $ref: `#/components/schemas/${copy.title}` };
  };
  document.paths = refer(document.paths) as Document["paths"];
  document.components.schemas = schemas;
}

/** Says of each answer what it is, and which headers it has. The management API's refusals of a status are all alike. */
function completeAnswers(document: Document): void {
  const headers = Object.fromEntries(
    Object.keys(BUDGET).map((name) => [name, { $ref: `#/components/headers/${name}` }]),
  );
  const refusals: Record<string, object> = {};
  for (const { tags, responses } of operationsOf(document)) {
    const isCounted = !tags.includes("server");
    for (const [status, { content }] of Object.entries(responses as Record<string, { content?: object }>)) {
      const response = {
        description: STATUS_CODES[status] ?? "Any other refusal",
        ...(content && { content }),
        ...(isCounted && { headers }),
      };
      if (status.startsWith("2") || !isCounted) {
        responses[status] = response;
      } else {
        refusals[status] = response;
        responses[status] = { $ref: `#/components/responses/${status}` };
      }
    }
  }
  document.components.responses = refusals;
  document.components.headers = Object.fromEntries(
    Object.entries(BUDGET).map(([name, description]) => [
      name,
      { description, schema: { type: "integer", minimum: 0 } },
    ]),
  );
}

/** A body in which nothing has to be may be left out. */
function relaxBodies(document: Document): void {
  for (const { requestBody } of operationsOf(document)) {
    if (requestBody === undefined) continue;
    const [content] = Object.values(requestBody.content);
    requestBody.required = content?.schema.required !== undefined;
  }
}

function operationsOf({ paths }: Document): Operation[] {
  return Object.values(paths).flatMap((methods) => Object.values(methods));
}

if (import.meta.main) writeFileSync(OPENAPI_FILE, await describeApi());
