/** doctl, DigitalOcean's command line, against a server on a socket: all that it has for registries. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { anImage, blobsOf, filesOf, type Image, writeOciLayout } from "../support/images.ts";
import { type Program, programIn } from "../support/programs.ts";
import { OWNER_TOKEN, passwordIn, startRegistry, type TestRegistry } from "../support/registry.ts";

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);

const image = anImage({ layers: 2 });
const newer = anImage({ seed: 2 });

/** Each family's commands: the older one's find the registry by themselves, the newer one's are told. */
const FAMILIES = [
  { family: "registry", place: [] },
  { family: "registries", place: ["acme"] },
] as const;

// One life of a registry, from test to test.
describe.each(FAMILIES)("doctl $family", ({ family, place }) => {
  const resources = new AsyncDisposableStack();
  let registry: TestRegistry;
  let origin: string;
  let home: string;
  let doctl: Program;

  beforeAll(async () => {
    registry = resources.use(await startRegistry());
    origin = await registry.app.listen({ port: 0, host: "127.0.0.1" });
    home = mkdtempSync(join(tmpdir(), "boxyard-doctl-"));
    resources.defer(() => rmSync(home, { recursive: true, maxRetries: 5 }));
    doctl = doctlIn(home, origin);
    await writeOciLayout(join(home, "image"), image, "v1");
  });

  afterAll(() => resources.disposeAsync());

  /** A command of a group, such as `repository`, of this family. */
  function inGroup(group: string, command: string, ...args: string[]): string[] {
    return [family, group, command, ...place, ...args];
  }

  async function json(...args: string[]): Promise<ReturnType<typeof JSON.parse>> {
    return JSON.parse(await doctl.run(...args, "--output", "json"));
  }

  /** The rows of the table that a command prints, by the names of its columns. */
  async function table(...args: string[]): Promise<Record<string, string | undefined>[]> {
    const [header = [], ...rows] = (await doctl.run(...args))
      .trimEnd()
      .split("\n")
      .map((line) => line.split(/ {2,}/));
    return rows.map((row) => Object.fromEntries(header.map((name, column) => [name, row[column]])));
  }

  async function listRuns(): Promise<{ uuid: string; status: string }[]> {
    return json(...inGroup("garbage-collection", "list"));
  }

  test("finds no registry where there is none", async () => {
    const { code, stderr } = await doctl.attempt(family, "get", ...place);
    expect(code).toBe(1);
    expect(stderr).toMatch(/GET \S+: 404 \(request "[0-9a-f-]{36}"\)/);
  });

  test("says which tiers and regions there are", async () => {
    const tiers = await json(family, "options", "subscription-tiers");
    expect(tiers.SubscriptionTiers.map(({ slug }: { slug: string }) => slug)).toEqual([
      "starter",
      "basic",
      "professional",
    ]);
    expect(await table(family, "options", "subscription-tiers")).toMatchObject([
      { Slug: "starter", "Included Repositories": "1", "Eligible?": "true" },
      { Slug: "basic", "Included Repositories": "5", "Eligible?": "true" },
      { Slug: "professional", "Included Repositories": "0", "Eligible?": "true" },
    ]);
    expect(await table(family, "options", "available-regions")).toContainEqual({ "Region Slug": "fra1" });
    expect((await json(family, "options", "available-regions")).Regions).toContain("fra1");
  });

  test("creates one on a tier, and shows it", async () => {
    const created = await json(
      ...[family, "create", "acme", "--region", "fra1", "--subscription-tier", "basic"],
    );
    expect(created).toEqual([expect.objectContaining({ name: "acme", region: "fra1" })]);

    expect(await table(family, "get", "acme")).toMatchObject([{ Name: "acme", "Region slug": "fra1" }]);
    expect(await json(family, "get", "acme")).toEqual(created);
    const { json: subscribed } = await registry.api("GET", "/v2/registry/subscription");
    expect(subscribed.subscription.tier.slug).toBe("basic");
  });

  test("says why it creates no other of that name", async () => {
    const { code, stderr } = await doctl.attempt(family, "create", "acme");
    expect(code).toBe(1);
    expect(stderr).toMatch(/user already has a registry|registry is not eligible for tier/);
  });

  test("logs docker in, which then pushes; logging out asks for nothing that fails", async () => {
    expect(await doctl.run(family, "login", ...place)).toContain("Logging Docker in");
    const host = new URL(origin).host;
    const crane = programIn(home, "crane", { flags: ["--insecure"] });
    await crane.run("push", "image", `${host}/acme/web/api:v1`);
    await crane.run("pull", "--format", "oci", `${host}/acme/web/api:v1`, "pulled");
    expect(blobsOf(join(home, "pulled"))).toEqual(filesOf(image));

    const revoke = `${origin}/v1/oauth/revoke`;
    await doctl.run(family, "logout", ...place, "--authorization-server-endpoint", revoke);
  });

  test("logs docker in to read alone, for as long as is asked", async () => {
    await doctl.run(family, "login", ...place, "--read-only", "--expiry-seconds", "600");
    const host = new URL(origin).host;
    const crane = programIn(home, "crane", { flags: ["--insecure"] });
    await crane.run("manifest", `${host}/acme/web/api:v1`);
    expect((await crane.attempt("push", "image", `${host}/acme/web/api:v2`)).code).toBe(1);

    registry.passSeconds(601);
    expect((await crane.attempt("manifest", `${host}/acme/web/api:v1`)).code).toBe(1);
  });

  test("gives out a docker config.json, bare and as a secret of Kubernetes", async () => {
    const bare = JSON.parse(await doctl.run(family, "docker-config", ...place, "--read-write"));
    expect(Object.keys(bare.auths)).toEqual([new URL(origin).host]);
    expect(await registry.grantsTo(passwordIn(bare))).toEqual(["pull", "push"]);

    const secret = await doctl.run(family, "kubernetes-manifest", ...place, "--namespace", "default");
    expect(secret).toContain("\n  name: registry-acme\n  namespace: default\n");
    const [, encoded = ""] = /\.dockerconfigjson: (\S+)/.exec(secret) ?? [];
    expect(await registry.grantsTo(passwordIn(JSON.parse(atob(encoded))))).toEqual(["pull"]);
  });

  test("lists repositories, tags and manifests", async () => {
    registry.passSeconds(1);
    await registry.push("acme/web/api", newer, "v2");
    await registry.push("acme/untagged", image);

    const listed = inGroup("repository", "list-v2");
    expect(await table(...listed)).toMatchObject([
      { Name: "untagged", "Latest Tag": "<none>", "Tag Count": "0", "Manifest Count": "1" },
      { Name: "web/api", "Latest Tag": "v2", "Tag Count": "2", "Manifest Count": "2" },
    ]);
    expect(await json(...listed)).toMatchObject([
      { name: "untagged", manifest_count: 1, latest_manifest: { digest: image.manifest.digest } },
      { name: "web/api", tag_count: 2, manifest_count: 2, latest_manifest: { tags: ["v2"] } },
    ]);
    // The first list, which its help no longer names.
    expect(await table(...inGroup("repository", "list"))).toMatchObject([
      { Name: "web/api", "Latest Tag": "v2", "Tag Count": "2" },
    ]);

    const tags = inGroup("repository", "list-tags", "web/api");
    expect(await table(...tags)).toMatchObject([
      { Tag: "v2", "Manifest Digest": newer.manifest.digest },
      { Tag: "v1", "Manifest Digest": image.manifest.digest },
    ]);
    expect(await json(...tags)).toMatchObject([
      { tag: "v2", updated_at: TIME },
      { tag: "v1", compressed_size_bytes: bytesOf(image), updated_at: TIME },
    ]);

    const manifests = inGroup("repository", "list-manifests", "web/api");
    expect(await table(...manifests)).toMatchObject([
      { "Manifest Digest": newer.manifest.digest, Tags: "[v2]" },
      { "Manifest Digest": image.manifest.digest, Tags: "[v1]" },
    ]);
    expect(await json(...manifests)).toMatchObject([
      { digest: newer.manifest.digest, blobs: newer.blobs.map(({ digest }) => ({ digest })) },
      { digest: image.manifest.digest, blobs: image.blobs.map(({ digest }) => ({ digest })) },
    ]);
    expect(await table(...inGroup("repository", "list-manifests", "untagged"))).toMatchObject([
      { Tags: "[]" },
    ]);
  });

  test("deletes tags and manifests, and says of what is not there that it is not", async () => {
    await doctl.run(...inGroup("repository", "delete-tag", "web/api", "v1", "--force"));
    expect(await table(...inGroup("repository", "list-tags", "web/api"))).toMatchObject([{ Tag: "v2" }]);

    const digest = image.manifest.digest;
    await doctl.run(...inGroup("repository", "delete-manifest", "untagged", digest, "--force"));
    await doctl.run(...inGroup("repository", "delete-manifest", "web/api", digest, "--force"));
    expect(await table(...inGroup("repository", "list-manifests", "web/api"))).toMatchObject([
      { "Manifest Digest": newer.manifest.digest },
    ]);
    const gone = await doctl.attempt(
      ...inGroup("repository", "delete-manifest", "web/api", digest, "--force"),
    );
    expect([gone.code, gone.stderr]).toEqual([1, expect.stringContaining("404")]);
    const nowhere = await doctl.attempt(...inGroup("repository", "list-tags", "nothing"));
    expect([nowhere.code, nowhere.stderr]).toEqual([1, expect.stringContaining("repository not found")]);
  });

  test("collects garbage: starts a run, looks at it, cancels it, and lets the next one end", async () => {
    const start = inGroup("garbage-collection", "start", "--include-untagged-manifests", "--force");
    const [{ uuid, status }] = await json(...start);
    expect(status).toBe("requested");
    // Tokens to push are still alive.
    expect(await table(...inGroup("garbage-collection", "get-active"))).toMatchObject([
      { UUID: uuid, "Registry Name": "acme", Status: "waiting for write JWTs to expire" },
    ]);
    const second = await doctl.attempt(...start);
    expect([second.code, second.stderr]).toEqual([1, expect.stringContaining("412")]);

    await doctl.run(...inGroup("garbage-collection", "cancel", uuid));
    await expect.poll(async () => (await listRuns())[0]?.status).toBe("cancelled");
    const idle = await doctl.attempt(...inGroup("garbage-collection", "get-active"));
    expect([idle.code, idle.stderr]).toEqual([1, expect.stringContaining("404")]);

    registry.passSeconds(3600);
    await doctl.run(...start);
    await expect.poll(async () => (await listRuns())[0]?.status).toBe("succeeded");
    expect(await table(...inGroup("garbage-collection", "list"))).toMatchObject([
      {
        Status: "succeeded",
        "Blobs Deleted": String(image.blobs.length),
        "Bytes Freed": String(bytesOf(image)),
      },
      { UUID: uuid, Status: "cancelled" },
    ]);
    expect((await listRuns())[0]).toMatchObject({
      type: "untagged manifests and unreferenced blobs",
      blobs_deleted: image.blobs.length,
      freed_bytes: bytesOf(image),
    });
  });

  test("deletes the registry", async () => {
    await doctl.run(family, "delete", "--force", ...place);
    expect((await doctl.attempt(family, "get", ...place)).stderr).toContain("404");
    expect(await json("registries", "list")).toEqual([]);
  });
});

describe("doctl", () => {
  const resources = new AsyncDisposableStack();
  let registry: TestRegistry;
  let origin: string;
  let doctl: Program;

  beforeAll(async () => {
    registry = resources.use(await startRegistry());
    origin = await registry.app.listen({ port: 0, host: "127.0.0.1" });
    const home = mkdtempSync(join(tmpdir(), "boxyard-doctl-"));
    resources.defer(() => rmSync(home, { recursive: true, maxRetries: 5 }));
    doctl = doctlIn(home, origin);
  });

  afterAll(() => resources.disposeAsync());

  test("is initialised with a token that the server knows, and with no other", async () => {
    const init = (token: string) =>
      doctl.attempt("auth", "init", "-t", token, "-u", origin, "--token-validation-server", origin);

    expect(await init(OWNER_TOKEN)).toMatchObject({ code: 0, stdout: expect.stringContaining("✔") });
    expect(await init("nobody")).toMatchObject({ code: 1, stderr: expect.stringContaining("401") });
  });

  test("shows whose account it is", async () => {
    expect(await doctl.run("account", "get", "--format", "Team,Status", "--no-header")).toMatch(
      /^owner +active\n$/,
    );
  });

  test("lists the tags of a repository to the last, page by page", async () => {
    await registry.createRegistry("acme");
    const names = Array.from({ length: 405 }, (_, number) => `t${number}`);
    await registry.push("acme/many", image, names[0]);
    for (const name of names) await registry.pushManifest("acme/many", image.manifest, name);

    const text = await doctl.run("registry", "repository", "list-tags", "many", "--output", "json");
    const listed = JSON.parse(text).map(({ tag }: { tag: string }) => tag);
    expect(listed.sort()).toEqual(names.sort());
  });

  test("names the registries of an account with several to whoever names none", async () => {
    await registry.addRegistry("second");
    const { code, stdout, stderr } = await doctl.attempt("registry", "get");
    expect(code).toBe(1);
    expect(stdout + stderr).toContain("second");
    const listed = await doctl.run("registries", "list", "--format", "Name", "--no-header");
    expect(listed).toBe("acme\nsecond\n");
  });
});

function doctlIn(home: string, origin: string): Program {
  return programIn(home, "doctl", {
    flags: ["--http-retry-max", "0"],
    env: { XDG_CONFIG_HOME: home, DIGITALOCEAN_API_URL: origin, DIGITALOCEAN_ACCESS_TOKEN: OWNER_TOKEN },
  });
}

function bytesOf({ blobs }: Image): number {
  return blobs.reduce((sum, { content }) => sum + content.length, 0);
}
