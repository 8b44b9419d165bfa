/** A server process with registries in it, and what a client of theirs has: a credential, and a home to keep it in. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getFirstAccountId } from "../../src/metadata/accounts.ts";
import { transact } from "../../src/metadata/database.ts";
import { insertRegistry } from "../../src/metadata/registries.ts";
import { parseRegistryName } from "../../src/model/name.ts";
import { REGIONS } from "../../src/model/region.ts";
import { openBackend } from "../../src/registry/backend.ts";
import { freshDatabase } from "./postgres.ts";
import { type DatabaseName, OWNER_TOKEN } from "./registry.ts";
import {
  BUNDLE,
  bundleIfStale,
  type Exit,
  logOf,
  type RunningServer,
  serverProcesses,
} from "./server-process.ts";

export interface ServedRegistryOptions {
  database?: DatabaseName;
  /** Names of registries. The credentials that are given out are for the first. */
  registries?: readonly [string, ...string[]];
  /** The server's environment, beside where its rows are and who its owner is. */
  env?: NodeJS.ProcessEnv;
}

/** Starts a server that has these registries, and nothing in them. Dispose of it when the tests are over. */
export async function serveRegistry({
  database = "SQLite",
  registries: [first, ...others] = ["acme"],
  env = {},
}: ServedRegistryOptions = {}): Promise<ServedRegistry> {
  await using resources = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "boxyard-served-"));
  resources.defer(() => rmSync(folder, { recursive: true, maxRetries: 5 }));
  const dbUrl = database === "PostgreSQL" ? resources.use(await freshDatabase()).url : undefined;
  bundleIfStale();
  const processes = serverProcesses(folder, BUNDLE);
  resources.defer(() => processes.killAll());
  const dataDir = join(folder, "data");
  const settings = { BOXYARD_OWNER_TOKEN: OWNER_TOKEN, ...(dbUrl && { BOXYARD_DB_URL: dbUrl }), ...env };

  let server = await processes.start(dataDir, settings);
  const body = JSON.stringify({ name: first, subscription_tier_slug: "professional" });
  await callApi(server, "/v2/registry", { method: "POST", body });
  if (others.length > 0) {
    await server.stop();
    for (const name of others) await addRegistry(name, { dataDir, dbUrl });
    server = await processes.start(dataDir, settings);
  }
  const boxyard = (words: string[]) =>
    processes.run(words, { BOXYARD_DATA: dataDir, ...(dbUrl && { BOXYARD_DB_URL: dbUrl }) }).exit;
  return new ServedRegistry(server, boxyard, folder, resources.move());
}

export class ServedRegistry implements AsyncDisposable {
  readonly server: RunningServer;
  /** The host as an image's name has it. */
  readonly host: string;
  readonly #boxyard: (words: string[]) => Promise<Exit>;
  readonly #folder: string;
  readonly #resources: AsyncDisposableStack;
  #homes = 0;
  #log = "";

  constructor(
    server: RunningServer,
    boxyard: (words: string[]) => Promise<Exit>,
    folder: string,
    resources: AsyncDisposableStack,
  ) {
    this.server = server;
    this.#boxyard = boxyard;
    this.host = new URL(server.origin).host;
    this.#folder = folder;
    this.#resources = resources;
    server.child.stdout?.on("data", (chunk: Buffer) => {
      this.#log += chunk;
    });
  }

  /** What `boxyard` says to these words, beside the server. */
  boxyard(...words: string[]): Promise<Exit> {
    return this.#boxyard(words);
  }

  /** A new home that is not logged in. Its path is in lower case, as names of local images have to be. */
  strangersHome(): string {
    const home = join(this.#folder, `home-${++this.#homes}`);
    mkdirSync(join(home, ".docker"), { recursive: true });
    return home;
  }

  /** A new home with a `.docker/config.json` as the API gives it out: nothing but an `auths` entry that may only read. */
  async readersHome(): Promise<string> {
    return this.#loggedIn(this.strangersHome(), "read_write=false");
  }

  /** As {@link readersHome}, but it may write. */
  async writersHome(): Promise<string> {
    return this.#loggedIn(this.strangersHome(), "read_write=true");
  }

  async #loggedIn(home: string, query: string): Promise<string> {
    const answer = await callApi(this.server, `/v2/registry/docker-credentials?${query}`);
    writeFileSync(configIn(home), await answer.bytes());
    return home;
  }

  /** The password in the config.json of a home. */
  passwordIn(home: string): string {
    const { auths } = JSON.parse(readFileSync(configIn(home), "utf8")) as {
      auths: Record<string, { auth: string }>;
    };
    const [, password = ""] = atob(auths[this.host]?.auth ?? "").split(":");
    return password;
  }

  /** The headers of an owner whose token is for these actions. */
  async authorized(repository: string, actions: string): Promise<Record<string, string>> {
    const url = `${this.server.origin}/v2/registry/auth?scope=repository:${repository}:${actions}`;
    const headers = { authorization: `Basic ${btoa(`owner:${OWNER_TOKEN}`)}` };
    const { token } = (await (await fetch(url, { headers })).json()) as { token: string };
    return { authorization: `Bearer ${token}` };
  }

  /** Asks for what is at a path of a repository, such as `manifests/v1`, without any client. */
  async get(repository: string, path: string): Promise<Response> {
    const headers = await this.authorized(repository, "pull");
    return fetch(`${this.server.origin}/v2/${repository}/${path}`, { headers });
  }

  async getManifest(repository: string, reference: string): Promise<string> {
    const answer = await this.get(repository, `manifests/${reference}`);
    if (!answer.ok) throw new Error(`${repository} ${reference}: ${answer.status} ${await answer.text()}`);
    return answer.text();
  }

  /** The requests about a repository that have been let in, answered and logged so far. */
  requests(repository: string): LoggedRequest[] {
    const whole = this.#log.slice(0, this.#log.lastIndexOf("\n") + 1);
    const entries = logOf({ stdout: whole }).filter(({ msg }) => msg === "request");
    return (entries as unknown as LoggedRequest[]).filter(
      ({ url, status }) => url.startsWith(`/v2/${repository}/`) && status !== 401,
    );
  }

  /** In which ways blobs have come to a repository so far: how many times each. */
  arrivals(repository: string): { mounted: number; uploaded: number } {
    const begun = this.requests(repository).filter(({ method }) => method === "POST");
    // The log has no queries; no client here sends a whole blob with the request that begins its upload.
    const mounted = begun.filter(({ status }) => status === 201).length;
    return { mounted, uploaded: begun.length - mounted };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

interface LoggedRequest {
  method: string;
  url: string;
  status: number;
}

function configIn(home: string): string {
  return join(home, ".docker/config.json");
}

/** Calls the management API as the owner. */
async function callApi(server: RunningServer, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = { authorization: `Bearer ${OWNER_TOKEN}`, "content-type": "application/json" };
  const answer = await fetch(`${server.origin}${path}`, { ...init, headers });
  if (!answer.ok) throw new Error(`${path} was answered with ${answer.status}: ${await answer.text()}`);
  return answer;
}

/** Adds a registry to the first account of a server that does not run. */
async function addRegistry(
  name: string,
  { dataDir, dbUrl }: { dataDir: string; dbUrl: string | undefined },
): Promise<void> {
  await using backend = await openBackend({ dataDir, dbUrl, leaseSeconds: 60, writeTokenLifeSeconds: 60 });
  const { db, now } = backend;
  await transact(db, async (tx) =>
    insertRegistry(tx, {
      uuid: crypto.randomUUID(),
      accountId: await getFirstAccountId(tx),
      name: parseRegistryName(name),
      region: REGIONS[0],
      now: now(),
    }),
  );
}
