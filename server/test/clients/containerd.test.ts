/** containerd, driven by ctr, against a server process: it fetches and pushes as a node of a cluster does. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  anImage,
  anIndexOfTwo,
  blobsOf,
  filesOf,
  type Image,
  type Index,
  writeOciLayout,
} from "../support/images.ts";
import { environmentIn, type Outcome, type Program, programIn } from "../support/programs.ts";
import { type ServedRegistry, serveRegistry } from "../support/served-registry.ts";

const PLAIN_HTTP = "--plain-http";
/** Plugins that want devices or services of the machine. */
const DISABLED_PLUGINS = [
  "io.containerd.grpc.v1.cri",
  "io.containerd.internal.v1.opt",
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
];

const resources = new AsyncDisposableStack();
const image = anImage({ layers: 3, layerBytes: 100_000 });
const index = anIndexOfTwo();
let registry: ServedRegistry;
let home: string;
let ctr: Program;
/** A user name and a password, as ctr wants them. */
let mayWrite: string;
let mayRead: string;

beforeAll(async () => {
  registry = resources.use(await serveRegistry());
  home = await registry.writersHome();
  mayWrite = `any:${registry.passwordIn(home)}`;
  mayRead = `any:${registry.passwordIn(await registry.readersHome())}`;
  const socket = join(home, "containerd.sock");
  await startContainerd(socket);
  ctr = programIn(home, "ctr", { flags: ["--address", socket] });
});

afterAll(() => resources.disposeAsync());

/** Starts containerd, with all that it keeps in the home, and waits until it says that it is up. */
async function startContainerd(socket: string): Promise<void> {
  const config = [
    "version = 2",
    `root = ${JSON.stringify(join(home, "containerd"))}`,
    `state = ${JSON.stringify(join(home, "containerd-state"))}`,
    `disabled_plugins = ${JSON.stringify(DISABLED_PLUGINS)}`,
    "[grpc]",
    `address = ${JSON.stringify(socket)}`,
  ];
  writeFileSync(join(home, "containerd.toml"), config.join("\n"));
  const daemon = spawn("containerd", ["--config", "containerd.toml"], {
    cwd: home,
    env: environmentIn(home),
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(daemon, "close");
  resources.defer(async () => {
    daemon.kill();
    await ended;
  });
  let log = "";
  await new Promise<void>((resolve, reject) => {
    daemon.stderr.on("data", (chunk: Buffer) => {
      log += chunk;
      if (log.includes("containerd successfully booted")) resolve();
    });
    ended.then(() => reject(new Error(`containerd did not start: ${log}`)), reject);
  });
}

function remote(name: string): string {
  return `${registry.host}/${name}`;
}

/** Puts an image or an index, whole, into containerd under the name of a repository, tagged v1. */
async function load(content: Image | Index, repository: string): Promise<void> {
  const layout = join(home, "layouts", repository);
  await writeOciLayout(layout, content, "v1");
  await tar("-C", layout, "-cf", `${layout}.tar`, ".");
  await ctr.run(
    ...["images", "import", "--all-platforms", "--no-unpack"],
    ...["--base-name", remote(repository), `${layout}.tar`],
  );
}

/** The digest of the bytes of all that containerd has of an image, by the digest that it is filed under. */
async function unload(name: string, ...flags: string[]): Promise<Map<string, string>> {
  const layout = join(home, "unloaded", name.replaceAll(/[@:]/g, "/"));
  mkdirSync(layout, { recursive: true });
  await ctr.run("images", "export", "--skip-manifest-json", ...flags, `${layout}.tar`, remote(name));
  await tar("-C", layout, "-xf", `${layout}.tar`);
  return blobsOf(layout);
}

function tar(...args: string[]): Promise<string> {
  return programIn(home, "tar").run(...args);
}

async function push(name: string, user = mayWrite): Promise<Outcome> {
  return ctr.attempt("images", "push", PLAIN_HTTP, "--user", user, remote(name));
}

async function pull(name: string, ...flags: string[]): Promise<void> {
  await ctr.run(
    ...["images", "pull", PLAIN_HTTP, "--snapshotter", "native", "--user", mayRead, ...flags, remote(name)],
  );
}

/** Has containerd forget an image, and every byte that no other image has. */
async function forget(name: string): Promise<void> {
  await ctr.run("images", "remove", "--sync", remote(name));
}

test("an image is pushed, forgotten, and comes back byte for byte, unpacked", async () => {
  await load(image, "acme/team/app");
  expect(await push("acme/team/app:v1")).toMatchObject({ code: 0 });
  await forget("acme/team/app:v1");
  expect(await ctr.run("content", "list", "--quiet")).toBe("");

  await pull("acme/team/app:v1");

  expect(await unload("acme/team/app:v1")).toEqual(filesOf(image));
  expect(await registry.getManifest("acme/team/app", "v1")).toBe(image.manifest.content.toString());
});

test("an index comes back byte for byte, with the image of every platform, and one platform by itself", async () => {
  const [, arm] = index.images;
  await load(index, "acme/index");
  expect(await push("acme/index:v1")).toMatchObject({ code: 0 });
  await forget("acme/index:v1");

  await ctr.run(
    ...["content", "fetch", PLAIN_HTTP, "--user", mayRead, "--platform", "linux/arm64"],
    remote("acme/index:v1"),
  );
  const armOnly = await unload("acme/index:v1", "--platform", "linux/arm64");
  await forget("acme/index:v1");
  await ctr.run(
    ...["content", "fetch", PLAIN_HTTP, "--user", mayRead, "--all-platforms", remote("acme/index:v1")],
  );
  const whole = await unload("acme/index:v1", "--all-platforms");

  expect([...armOnly]).toEqual(expect.arrayContaining([...filesOf(arm ?? image)]));
  expect(whole).toEqual(filesOf(index));
});

test("what was pulled from one repository is mounted where it is pushed to another", async () => {
  await load(image, "acme/origin");
  expect(await push("acme/origin:v1")).toMatchObject({ code: 0 });
  await forget("acme/origin:v1");
  await pull("acme/origin:v1");
  await ctr.run("images", "tag", remote("acme/origin:v1"), remote("acme/mounted:v1"));

  expect(await push("acme/mounted:v1")).toMatchObject({ code: 0 });

  await expect
    .poll(() => registry.arrivals("acme/mounted"))
    .toEqual({ mounted: image.blobs.length, uploaded: 0 });
  expect(await registry.getManifest("acme/mounted", "v1")).toBe(image.manifest.content.toString());
});

test("a mirror's address in a hosts.toml is asked for the images of another registry", async () => {
  await load(image, "acme/mirrored");
  expect(await push("acme/mirrored:v1")).toMatchObject({ code: 0 });
  const hosts = join(home, "hosts", "registry.example");
  mkdirSync(hosts, { recursive: true });
  const table = `[host."${registry.server.origin}"]\n  capabilities = ["pull", "resolve"]\n`;
  writeFileSync(join(hosts, "hosts.toml"), table);

  await ctr.run(
    ...["content", "fetch", "--hosts-dir", join(home, "hosts"), "--user", mayRead],
    "registry.example/acme/mirrored:v1",
  );

  const listed = await ctr.run("images", "list", "name==registry.example/acme/mirrored:v1");
  expect(listed).toContain(image.manifest.digest);
});

test("who may only read is refused a push", async () => {
  await load(image, "acme/refused");

  const { code, stderr } = await push("acme/refused:v1", mayRead);

  expect(code).toBe(1);
  expect(stderr).toMatch(/denied|unauthorized|authorization failed|insufficient_scope/i);
});
