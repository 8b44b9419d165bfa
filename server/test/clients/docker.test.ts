/** docker's command line, without an engine: it logs in, and makes and reads manifest lists by itself. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { anImage, anIndexOfTwo, writeOciLayout } from "../support/images.ts";
import { type Program, programIn } from "../support/programs.ts";
import { type ServedRegistry, serveRegistry } from "../support/served-registry.ts";

const INSECURE = "--insecure";
const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
const WITHOUT_ENGINE = { env: { DOCKER_HOST: "unix:///nowhere.sock" } };

const resources = new AsyncDisposableStack();
const image = anImage({ layers: 2 });
const [amd, arm] = anIndexOfTwo().images;
let registry: ServedRegistry;
let home: string;
let docker: Program;

beforeAll(async () => {
  registry = resources.use(await serveRegistry());
  home = await registry.writersHome();
  docker = programIn(home, "docker", WITHOUT_ENGINE);
});

afterAll(() => resources.disposeAsync());

function remote(name: string): string {
  return `${registry.host}/${name}`;
}

/** Pushes three images in the form that docker gives them: it writes what it copies anew, and keeps no other digest. */
async function pushImages(repository: string): Promise<void> {
  const skopeo = programIn(home, "skopeo");
  const headers = {
    ...(await registry.authorized(repository, "pull,push")),
    "content-type": DOCKER_MANIFEST,
  };
  for (const [tag, content] of Object.entries({ image, amd: amd ?? image, arm: arm ?? image })) {
    await writeOciLayout(join(home, tag), content, "v1");
    await skopeo.run(
      ...["copy", "--dest-tls-verify=false", "--format", "v2s2"],
      ...[`oci:${tag}:v1`, `docker://${remote(`${repository}:${tag}`)}`],
    );
    const { config, layers } = JSON.parse(await registry.getManifest(repository, tag));
    const manifest = {
      schemaVersion: 2,
      mediaType: DOCKER_MANIFEST,
      config: inDockersOrder(config),
      layers: layers.map(inDockersOrder),
    };
    const url = `${registry.server.origin}/v2/${repository}/manifests/${tag}`;
    const answer = await fetch(url, { method: "PUT", headers, body: JSON.stringify(manifest, undefined, 3) });
    expect(answer.status).toBe(201);
  }
}

function inDockersOrder({ mediaType, size, digest }: Record<string, unknown>): object {
  return { mediaType, size, digest };
}

test("logs in, keeps the credential under the host, and logs out", async () => {
  const newcomersHome = registry.strangersHome();
  const newcomer = programIn(newcomersHome, "docker", WITHOUT_ENGINE);
  const password = registry.passwordIn(home);
  const config = join(newcomersHome, ".docker/config.json");

  const wrong = await newcomer.attempt("login", "-u", "any", "-p", "wrong", registry.host);
  const right = await newcomer.run("login", "-u", "any", "-p", password, registry.host);

  expect(wrong.code).toBe(1);
  expect(wrong.stderr).toMatch(/unauthorized/i);
  expect(right).toContain("Login Succeeded");
  expect(Object.keys(JSON.parse(readFileSync(config, "utf8")).auths)).toEqual([registry.host]);

  await newcomer.run("logout", registry.host);
  expect(JSON.parse(readFileSync(config, "utf8")).auths ?? {}).toEqual({});
});

test("a manifest list is made of images that are there, pushed, and read again", async () => {
  await pushImages("acme/listed");
  const images = ["amd", "arm"].map((tag) => remote(`acme/listed:${tag}`));

  await docker.run("manifest", "create", INSECURE, remote("acme/listed:all"), ...images);
  await docker.run(
    ...["manifest", "annotate", remote("acme/listed:all"), remote("acme/listed:arm")],
    ...["--arch", "arm64", "--variant", "v8"],
  );
  await docker.run("manifest", "push", INSECURE, remote("acme/listed:all"));

  const list = JSON.parse(await docker.run("manifest", "inspect", INSECURE, remote("acme/listed:all")));
  expect(list).toEqual(JSON.parse(await registry.getManifest("acme/listed", "all")));
  expect(list.manifests.map(({ platform }: { platform: object }) => platform)).toEqual([
    { architecture: "amd64", os: "linux" },
    { architecture: "arm64", os: "linux", variant: "v8" },
  ]);
});

test("a manifest list of images from another repository mounts their blobs", async () => {
  await pushImages("acme/origin");
  await docker.run("manifest", "create", INSECURE, remote("acme/mounted:all"), remote("acme/origin:image"));
  await docker.run("manifest", "push", INSECURE, remote("acme/mounted:all"));

  await expect
    .poll(() => registry.arrivals("acme/mounted"))
    .toEqual({ mounted: image.blobs.length, uploaded: 0 });
  const [entry] = JSON.parse(await registry.getManifest("acme/mounted", "all")).manifests;
  expect(await registry.getManifest("acme/mounted", entry.digest)).toBe(
    await registry.getManifest("acme/origin", "image"),
  );
});

test("who may only read inspects, and is refused a push", async () => {
  await pushImages("acme/read-only");
  const reader = programIn(await registry.readersHome(), "docker", WITHOUT_ENGINE);

  const seen = await reader.run("manifest", "inspect", INSECURE, remote("acme/read-only:image"));
  await reader.run(
    "manifest",
    "create",
    INSECURE,
    remote("acme/read-only:all"),
    remote("acme/read-only:amd"),
  );
  const push = await reader.attempt("manifest", "push", INSECURE, remote("acme/read-only:all"));

  expect(JSON.parse(seen)).toEqual(JSON.parse(await registry.getManifest("acme/read-only", "image")));
  expect(push.code).toBe(1);
});
