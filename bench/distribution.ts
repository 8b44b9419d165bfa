/** CNCF Distribution, to compare with: its files, its server, its offline garbage collection. */
import { execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Blob, Repository } from "./content.ts";
import { Client, REGISTRY } from "./load.ts";
import { freePort } from "./server.ts";

/** Where its program is, if that is not `registry` on the PATH. */
const PROGRAM = process.env.DISTRIBUTION ?? "registry";
const START_LIMIT_MS = 30_000;
const POLL_MS = 20;

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

  private constructor(folder: string, port: number) {
    this.#root = join(folder, "docker/registry/v2");
    this.#config = join(folder, "config.json"); // YAML too
    this.#port = port;
    mkdirSync(folder, { recursive: true });
    const storage = { filesystem: { rootdirectory: folder }, delete: { enabled: true } };
    const config = { version: "0.1", log: { level: "error" }, storage, http: { addr: `127.0.0.1:${port}` } };
    writeFileSync(this.#config, JSON.stringify(config));
  }

  static async in(folder: string): Promise<Distribution> {
    return new Distribution(folder, await freePort());
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
    const child = spawn(PROGRAM, ["serve", this.#config], { stdio: "ignore" });
    const kill = () => child.kill("SIGKILL");
    process.on("exit", kill);
    const exit = once(child, "exit");
    const clients: Client[] = [];
    try {
      await this.#ready();
      await work((repository) => {
        const client = new Client(this.#port, repository);
        clients.push(client);
        return client;
      });
    } finally {
      for (const client of clients) client.close();
      child.kill("SIGTERM");
      await exit;
      process.off("exit", kill);
    }
  }

  async #ready(): Promise<void> {
    const startedAt = performance.now();
    for (;;) {
      try {
        if ((await fetch(`http://127.0.0.1:${this.#port}/v2/`)).ok) return;
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
