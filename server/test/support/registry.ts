/**
 * The vocabulary of the tests that go through the front door: a whole server without a socket, on a real database and a
 * real store, and the few things that clients do all the time.
 */
import { createHash, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FastifyInstance, InjectOptions } from "fastify";
import { describe } from "vitest";
import { buildApp } from "../../src/app.ts";
import { ensureOwner } from "../../src/auth/owner.ts";
import type { RateLimits } from "../../src/auth/rate-limiter.ts";
import { startBackgroundWork } from "../../src/gc/background.ts";
import { getFirstAccountId } from "../../src/metadata/accounts.ts";
import { Database, type Engine, transact } from "../../src/metadata/database.ts";
import { openPostgres } from "../../src/metadata/postgres.ts";
import { insertRegistry } from "../../src/metadata/registries.ts";
import { openSqlite } from "../../src/metadata/sqlite.ts";
import { parseRegistryName } from "../../src/model/name.ts";
import { REGIONS, type Region } from "../../src/model/region.ts";
import type { GivenScope } from "../../src/model/scope.ts";
import { DOCUMENTED_TIERS, type Tiers } from "../../src/model/tier.ts";
import { type Backend, type BackendOptions, createBackend, openBackend } from "../../src/registry/backend.ts";
import type { UnpackLimits } from "../../src/registry/unpacker.ts";
import type { UnderWay } from "../../src/registry/uploads-under-way.ts";
import type { BlobStore } from "../../src/storage/blob-store.ts";
import { MemoryBlobStore } from "../../src/storage/memory.ts";
import type { Content, Image, Index } from "./images.ts";
import { freshDatabase } from "./postgres.ts";

export const OWNER_TOKEN = "owner-token-of-the-tests-0123456789";

export const DATABASES = ["SQLite", "PostgreSQL"] as const;
export type DatabaseName = (typeof DATABASES)[number];

export type Method = "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface Answer {
  status: number;
  headers: Record<string, string | undefined>;
  body: Buffer;
  /** The body as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into documents of every shape.
  json: any;
}

/** Runs the same promises on both databases. */
export function describeOnBothDatabases(name: string, promises: (database: DatabaseName) => void): void {
  describe.each(DATABASES)(`${name} on %s`, promises);
}

export interface TestRegistryOptions {
  database?: DatabaseName;
  leaseSeconds?: number;
  writeTokenLifeSeconds?: number;
  uploadLifeSeconds?: number;
  publicUrl?: URL;
  trustedProxies?: string[];
  openMetrics?: boolean;
  uploadLimits?: UnderWay;
  sparse?: boolean;
  /** None where they are missing. */
  rateLimits?: RateLimits;
  /** What subscriptions include, and whether that is enforced; as documented where they are missing. */
  tiers?: Tiers;
  limits?: "documented" | "none";
  unpackLimits?: UnpackLimits;
  /** A store for every region; in memory where there is none. */
  openStore?: (region: Region) => BlobStore;
  /** A PostgreSQL database that is there already, so that several servers can be on one. */
  dbUrl?: string;
  /** Bytes, and rows where they are SQLite's, in this folder as the process has them. It stays when the server stops. */
  dataDir?: string;
  /** Whether what goes on by itself does so. It does, unless a test does it step by step. */
  background?: boolean;
  /** SQLite's rows in this file, which stays. */
  databaseFile?: string;
  /** Where the panel's build lies; nowhere, where it is missing. */
  panelFolder?: string;
  /** Wraps the database, before anything is done with it. */
  watchEngine?: (engine: Engine) => Engine;
}

/** A server with an owner and no registry. Dispose of it when the test is over. */
export async function startRegistry(options: TestRegistryOptions = {}): Promise<TestRegistry> {
  const resources = new AsyncDisposableStack();
  const lives = {
    leaseSeconds: options.leaseSeconds ?? 86_400,
    writeTokenLifeSeconds: options.writeTokenLifeSeconds ?? 900,
  };
  const { db, stores } = await openCellars(options, lives, resources);
  const clock = { skipped: 0 };
  const { uploadLifeSeconds, uploadLimits, sparse = false, unpackLimits } = options;
  const { tiers = DOCUMENTED_TIERS, limits = "documented" } = options;
  const backend = createBackend({
    db,
    stores,
    ...lives,
    ...(uploadLifeSeconds === undefined ? {} : { uploadLifeSeconds }),
    ...(uploadLimits === undefined ? {} : { uploadLimits }),
    sparse,
    tiers,
    limits,
    ...(unpackLimits === undefined ? {} : { unpackLimits }),
    now: () => db.now() + clock.skipped,
  });
  resources.use(backend);
  await ensureOwner(backend, { pinnedToken: OWNER_TOKEN, handOver: async () => {} });
  const app = await buildApp(backend, {
    publicUrl: options.publicUrl,
    trustedProxies: options.trustedProxies ?? [],
    openMetrics: options.openMetrics ?? false,
    rateLimits: options.rateLimits,
    panelFolder: options.panelFolder ?? "/nowhere",
    logger: false,
    readiness: { stopping: false },
  });
  resources.defer(() => app.close());
  if (options.background ?? true) resources.use(startBackgroundWork(backend, () => {}));
  return new TestRegistry(app, backend, clock, resources);
}

async function openCellars(
  {
    database = "SQLite",
    openStore = () => new MemoryBlobStore(),
    dbUrl,
    dataDir,
    databaseFile,
    watchEngine = (engine) => engine,
  }: TestRegistryOptions,
  lives: Pick<BackendOptions, "leaseSeconds" | "writeTokenLifeSeconds">,
  resources: AsyncDisposableStack,
): Promise<Pick<Backend, "db" | "stores">> {
  const url = dbUrl ?? (database === "PostgreSQL" ? resources.use(await freshDatabase()).url : undefined);
  if (dataDir !== undefined) return openBackend({ dataDir, dbUrl: url, ...lives });
  const openSqliteFile = () =>
    databaseFile === undefined ? openTemporarySqlite(resources) : openSqlite(databaseFile);
  const engine = await (url === undefined ? openSqliteFile() : openPostgres(url));
  const db = new Database(watchEngine(engine));
  return { db, stores: new Map(REGIONS.map((region) => [region, openStore(region)])) };
}

async function openTemporarySqlite(resources: AsyncDisposableStack): Promise<Engine> {
  const folder = await mkdtemp(join(tmpdir(), "boxyard-test-"));
  resources.defer(() => rm(folder, { recursive: true, force: true }));
  return openSqlite(join(folder, "db.sqlite"));
}

export class TestRegistry implements AsyncDisposable {
  readonly app: FastifyInstance;
  readonly backend: Backend;
  readonly #clock: { skipped: number };
  readonly #resources: AsyncDisposableStack;

  constructor(
    app: FastifyInstance,
    backend: Backend,
    clock: { skipped: number },
    resources: AsyncDisposableStack,
  ) {
    this.app = app;
    this.backend = backend;
    this.#clock = clock;
    this.#resources = resources;
  }

  /** Moves the server's clock on. */
  passSeconds(seconds: number): void {
    this.#clock.skipped += seconds * 1000;
  }

  async send(
    method: Method,
    url: string,
    options: Omit<InjectOptions, "method" | "url"> = {},
  ): Promise<Answer> {
    const response = await this.app.inject({ ...options, method, url });
    return {
      status: response.statusCode,
      headers: response.headers as Record<string, string | undefined>,
      body: response.rawPayload,
      get json() {
        return response.json();
      },
    };
  }

  /** A call of the management API, as the owner unless another token is given. */
  async api(
    method: Method,
    url: string,
    { body, token = OWNER_TOKEN }: { body?: object; token?: string } = {},
  ): Promise<Answer> {
    return this.send(method, url, {
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
    });
  }

  /** Creates the registry of the owner, or of another token's account. */
  async createRegistry(name: string, region?: string, token?: string): Promise<void> {
    const answer = await this.api("POST", "/v2/registry", {
      body: { name, subscription_tier_slug: "professional", ...(region === undefined ? {} : { region }) },
      ...(token === undefined ? {} : { token }),
    });
    if (answer.status !== 201) throw new Error(`registry ${name} was not created: ${answer.body}`);
  }

  /** One more registry of the owner's account. */
  async addRegistry(name: string): Promise<void> {
    const { db, now } = this.backend;
    await transact(db, async (tx) => {
      const accountId = await getFirstAccountId(tx);
      const registry = { uuid: randomUUID(), accountId, name: parseRegistryName(name), region: REGIONS[0] };
      await insertRegistry(tx, { ...registry, now: now() });
    });
  }

  /** A credential for the owner's registry, as docker would have it in its config.json. */
  async dockerCredential(query: { read_write?: boolean; expiry_seconds?: number } = {}): Promise<string> {
    const parameters = new URLSearchParams(
      Object.entries(query).map(([key, value]) => [key, String(value)] as [string, string]),
    );
    return passwordIn((await this.api("GET", `/v2/registry/docker-credentials?${parameters}`)).json);
  }

  /** As the next start with another BOXYARD_OWNER_TOKEN does. */
  async replaceOwnerToken(token: string): Promise<void> {
    await ensureOwner(this.backend, { pinnedToken: token, handOver: async () => {} });
  }

  /** A token of the owner's account that has these scopes alone. */
  async tokenWithScopes(...scopes: GivenScope[]): Promise<string> {
    const body = { name: "test", scopes };
    return mustBe(201, await this.api("POST", "/api/v1/tokens", { body })).json.token.secret;
  }

  /** Another account, with a registry of the same name and a token that may do everything, which is returned. */
  async addAccount(name: string): Promise<string> {
    mustBe(201, await this.api("POST", "/api/v1/accounts", { body: { name } }));
    const body = { name: "test", scopes: ["read", "write"] };
    const answer = mustBe(201, await this.api("POST", `/api/v1/accounts/${name}/tokens`, { body }));
    const { secret } = answer.json.token;
    await this.createRegistry(name, undefined, secret);
    return secret;
  }

  /** Asks the token service, with the owner's token unless another credential is given. */
  async askForToken(scope: string | string[], credential: string = OWNER_TOKEN): Promise<Answer> {
    const query = new URLSearchParams([scope].flat().map((one) => ["scope", one] as [string, string]));
    return this.send("GET", `/v2/registry/auth?service=boxyard&${query}`, {
      headers: { authorization: `Basic ${Buffer.from(`any:${credential}`).toString("base64")}` },
    });
  }

  /** A JWT for actions such as `pull,push` in a repository such as `acme/app`. */
  async tokenFor(repository: string, actions = "pull,push,delete", credential?: string): Promise<string> {
    const answer = await this.askForToken(`repository:${repository}:${actions}`, credential);
    if (answer.status !== 200) throw new Error(`no token: ${answer.status} ${answer.body}`);
    return answer.json.token;
  }

  /** What a credential that asks to pull and push is granted. */
  async grantsTo(credential: string, repository = "acme/app"): Promise<string[]> {
    const token = await this.tokenFor(repository, "pull,push", credential);
    const payload = Buffer.from(token.split(".")[1] ?? "", "base64url").toString();
    return JSON.parse(payload).access[0]?.actions ?? [];
  }

  /** A call of the data plane with a JWT. */
  async oci(
    method: Method,
    url: string,
    token: string,
    { headers = {}, body }: { headers?: Record<string, string>; body?: Buffer | string } = {},
  ): Promise<Answer> {
    return this.send(method, url, {
      headers: { authorization: `Bearer ${token}`, ...headers },
      ...(body === undefined ? {} : { payload: body }),
    });
  }

  /** Begins an upload, and returns where it goes on. */
  async startUpload(repository: string, token: string): Promise<string> {
    const { headers } = mustBe(202, await this.oci("POST", `/v2/${repository}/blobs/uploads/`, token));
    return headers.location ?? "";
  }

  /** Pushes a blob with POST and PUT. */
  async pushBlob(repository: string, { digest, content }: Content, token?: string): Promise<Answer> {
    const jwt = token ?? (await this.tokenFor(repository, "pull,push"));
    const session = await this.oci("POST", `/v2/${repository}/blobs/uploads/`, jwt);
    if (session.status !== 202) return session;
    return this.oci("PUT", `${session.headers.location}?digest=${digest}`, jwt, {
      headers: { "content-type": "application/octet-stream" },
      body: content,
    });
  }

  async pushManifest(
    repository: string,
    manifest: { mediaType: string; content: Buffer; digest: string },
    reference: string = manifest.digest,
    token?: string,
  ): Promise<Answer> {
    const jwt = token ?? (await this.tokenFor(repository, "pull,push"));
    return this.oci("PUT", `/v2/${repository}/manifests/${reference}`, jwt, {
      headers: { "content-type": manifest.mediaType },
      body: manifest.content,
    });
  }

  /** Pushes an image or an index, all of it, and throws where a part of it is refused. */
  async push(repository: string, what: Image | Index, tag?: string): Promise<void> {
    const token = await this.tokenFor(repository, "pull,push");
    const images = "images" in what ? what.images : [what];
    for (const image of images) {
      for (const blob of image.blobs) mustBe(201, await this.pushBlob(repository, blob, token));
      if ("images" in what) {
        mustBe(201, await this.pushManifest(repository, image.manifest, undefined, token));
      }
    }
    mustBe(201, await this.pushManifest(repository, what.manifest, tag, token));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

export function mustBe(status: number, answer: Answer): Answer {
  if (answer.status !== status) throw new Error(`expected ${status}, got ${answer.status}: ${answer.body}`);
  return answer;
}

/** The password in a docker config.json for one host. */
export function passwordIn({ auths }: { auths: Record<string, { auth: string }> }): string {
  const [entry] = Object.values(auths);
  const [, password = ""] = atob(entry?.auth ?? "").split(":");
  return password;
}

/** Content that no other test has. */
export function aBlob(text: string = randomUUID()): Content {
  const content = Buffer.from(text);
  return { digest: `sha256:${createHash("sha256").update(content).digest("hex")}`, content };
}

/** The code of a data-plane refusal. */
export function codeOf(answer: Answer): string | undefined {
  return answer.json.errors?.[0]?.code;
}
