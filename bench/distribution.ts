/** CNCF Distribution, to compare with: its files, its server, its offline garbage collection. */
import { execFile, spawn, spawnSync } from "node:child_process";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { existsSync, mkdirSync, openSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Blob, Repository } from "./content.ts";
import { Client, REGISTRY } from "./load.ts";
import { endWithThis, freePort, RunningServer } from "./server.ts";

/** Where its program is, if that is not `registry` on the PATH. */
const PROGRAM = process.env.DISTRIBUTION ?? "registry";
const START_LIMIT_MS = 30_000;
const POLL_MS = 20;
/** As the image of the project has it: there is nobody to send traces to. */
const ENV = { OTEL_TRACES_EXPORTER: "none" };
const SERVICE = "distribution";
const ISSUER = "bench";
const TOKEN_SECONDS = 3600;

/** What a token lets its bearer do, in the words of the Distribution project's specification of tokens. */
export interface Access {
  type: string;
  name: string;
  actions: readonly string[];
}

/** Whether its program can be run. */
export function hasDistribution(): boolean {
  const { stdout } = spawnSync(PROGRAM, ["--version"], { encoding: "utf8" });
  return stdout?.includes("distribution") ?? false;
}

/** A registry in a folder, as its filesystem driver lays it out. */
export class Distribution {
  readonly #root: string;
  readonly #config: string;
  readonly #port: number;
  readonly #key: KeyObject;

  private constructor(folder: string, port: number) {
    this.#root = join(folder, "docker/registry/v2");
    this.#config = join(folder, "config.json"); // YAML too
    this.#port = port;
    mkdirSync(folder, { recursive: true });
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    this.#key = privateKey;
    const jwks = join(folder, "keys.json");
    const key = { ...publicKey.export({ format: "jwk" }), kid: ISSUER, alg: "EdDSA", use: "sig" };
    writeFileSync(jwks, JSON.stringify({ keys: [key] }));
    const token = { realm: "http://127.0.0.1/token", service: SERVICE, issuer: ISSUER, jwks };
    // What its example has, but for authentication: the kind that ours has too.
    const config = {
      version: "0.1",
      log: { fields: { service: "registry" } },
      storage: {
        cache: { blobdescriptor: "inmemory" },
        filesystem: { rootdirectory: folder },
        tag: { concurrencylimit: 8 },
        delete: { enabled: true },
      },
      auth: { token: { ...token, signingalgorithms: ["EdDSA"] } },
      http: { addr: `127.0.0.1:${port}`, headers: { "X-Content-Type-Options": ["nosniff"] } },
      health: { storagedriver: { enabled: true, interval: "10s", threshold: 3 } },
    };
    writeFileSync(this.#config, JSON.stringify(config));
  }

  static async in(folder: string): Promise<Distribution> {
    return new Distribution(folder, await freePort());
  }

  /** What a request has to bring, to be let in for this. */
  authorize(access: readonly Access[]): string {
    const now = Math.floor(Date.now() / 1000);
    const header = { alg: "EdDSA", typ: "JWT", kid: ISSUER };
    const times = { iat: now, nbf: now - 1, exp: now + TOKEN_SECONDS };
    const claims = { iss: ISSUER, aud: SERVICE, sub: "bench", jti: String(now), ...times, access };
    const signed = [header, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
      .join(".");
    return `Bearer ${signed}.${sign(null, Buffer.from(signed), this.#key).toString("base64url")}`;
  }

  /** Puts the content there as pushes would have. */
  fill(repositories: readonly Repository[]): void {
    for (const { name, images, unreferenced } of repositories) {
      for (const { tag, manifest, blobs } of images) {
        this.#putBlobs(name, blobs);
        this.#write(this.#blobPath(manifest.digest), manifest.bytes);
        const manifests = join(this.#repositoryPath(name), "_manifests");
        this.#write(join(manifests, "revisions", linkPath(manifest.digest)), manifest.digest);
        this.#write(join(manifests, "tags", tag, "current/link"), manifest.digest);
        this.#write(join(manifests, "tags", tag, "index", linkPath(manifest.digest)), manifest.digest);
      }
      this.#putBlobs(name, unreferenced);
    }
  }

  /** Collects garbage as its documentation has it: while the server is stopped. Returns how long that took. */
  async collect(): Promise<number> {
    const startedAt = performance.now();
    await promisify(execFile)(PROGRAM, ["garbage-collect", this.#config], { maxBuffer: 1024 ** 3 });
    return (performance.now() - startedAt) / 1000;
  }

  hasBlob(digest: string): boolean {
    return existsSync(this.#blobPath(digest));
  }

  countBlobs(): number {
    const entries = readdirSync(join(this.#root, "blobs"), { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).length;
  }

  /** Does the work while its server runs. */
  async serve(work: (clientOf: (repository: string) => Client) => Promise<void>): Promise<void> {
    await using _server = await this.start();
    const clients: Client[] = [];
    try {
      await work((repository) => {
        const access = { type: "repository", name: `${REGISTRY}/${repository}`, actions: ["pull"] };
        const client = new Client(this.#port, repository, this.authorize([access]));
        clients.push(client);
        return client;
      });
    } finally {
      for (const client of clients) client.close();
    }
  }

  async start(): Promise<RunningServer> {
    const output = openSync(`${this.#config}.log`, "a");
    const startedAt = performance.now();
    const child = spawn(PROGRAM, ["serve", this.#config], {
      env: { ...process.env, ...ENV },
      stdio: ["ignore", output, output],
    });
    endWithThis(child);
    await this.#ready(startedAt);
    return new RunningServer(child, this.#port, (performance.now() - startedAt) / 1000);
  }

  async #ready(startedAt: number): Promise<void> {
    for (;;) {
      try {
        if ((await fetch(`http://127.0.0.1:${this.#port}/`)).ok) return;
      } catch (error) {
        if (performance.now() - startedAt > START_LIMIT_MS) throw error; // else nothing listens yet
      }
      await sleep(POLL_MS);
    }
  }

  #putBlobs(repository: string, blobs: readonly Blob[]): void {
    for (const { digest, bytes } of blobs) {
      this.#write(this.#blobPath(digest), bytes);
      this.#write(join(this.#repositoryPath(repository), "_layers", linkPath(digest)), digest);
    }
  }

  #write(path: string, content: string | Buffer): void {
    if (existsSync(path)) return;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }

  #repositoryPath(name: string): string {
    return join(this.#root, "repositories", REGISTRY, name);
  }

  #blobPath(digest: string): string {
    const [algorithm = "", hex = ""] = digest.split(":");
    return join(this.#root, "blobs", algorithm, hex.slice(0, 2), hex, "data");
  }
}

function linkPath(digest: string): string {
  return join(...digest.split(":"), "link");
}
