/** Debian's skopeo against a server process: it logs in, pushes, pulls, lists, mounts, deletes and synchronises. */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { anImage, anIndexOfTwo, blobsOf, contentOf, filesOf, writeOciLayout } from "../support/images.ts";
import { type Program, programIn } from "../support/programs.ts";
import { DATABASES, OWNER_TOKEN } from "../support/registry.ts";
import { type ServedRegistry, serveRegistry } from "../support/served-registry.ts";

const FROM_PLAIN_HTTP = "--src-tls-verify=false";
const TO_PLAIN_HTTP = "--dest-tls-verify=false";
const PLAIN_HTTP = "--tls-verify=false";
/** What skopeo says, in one of several sentences, of a server that did not let it. */
const REFUSED = /denied|unauthorized|authentication required/i;

describe.each(DATABASES)("skopeo, with the server's rows in %s", (database) => {
  const resources = new AsyncDisposableStack();
  const image = anImage({ layers: 4, layerBytes: 300_000 });
  const index = anIndexOfTwo();
  let registry: ServedRegistry;
  let host: string;
  let home: string;
  let skopeo: Program;
  /** Files with a docker config.json each, as the API gave it out. */
  let mayWrite: string;
  let mayRead: string;

  beforeAll(async () => {
    registry = resources.use(await serveRegistry({ database, registries: ["acme", "globex"] }));
    home = await registry.writersHome();
    host = registry.host;
    skopeo = programIn(home, "skopeo");
    mayWrite = join(home, ".docker/config.json");
    mayRead = join(await registry.readersHome(), ".docker/config.json");
    await writeOciLayout(join(home, "image"), image, "v1");
    await writeOciLayout(join(home, "index"), index, "v1");
  });

  afterAll(() => resources.disposeAsync());

  function remote(name: string): string {
    return `docker://${host}/${name}`;
  }

  async function push(source: string, name: string, ...flags: string[]): Promise<void> {
    await skopeo.run("copy", TO_PLAIN_HTTP, "--authfile", mayWrite, ...flags, source, remote(name));
  }

  async function pull(name: string, target: string, ...flags: string[]): Promise<void> {
    await skopeo.run("copy", FROM_PLAIN_HTTP, "--authfile", mayRead, ...flags, remote(name), target);
  }

  async function inspectRaw(name: string): Promise<string> {
    return skopeo.run("inspect", "--raw", PLAIN_HTTP, "--authfile", mayRead, remote(name));
  }

  async function listTags(name: string): Promise<string[]> {
    const text = await skopeo.run("list-tags", PLAIN_HTTP, "--authfile", mayRead, remote(name));
    const { Tags } = JSON.parse(text) as { Tags: string[] };
    return Tags;
  }

  async function putTag(repository: string, tag: string, headers: Record<string, string>): Promise<void> {
    const { mediaType, content } = image.manifest;
    const answer = await fetch(`${registry.server.origin}/v2/${repository}/manifests/${tag}`, {
      method: "PUT",
      headers: { ...headers, "content-type": mediaType },
      body: content,
    });
    expect(answer.status).toBe(201);
  }

  test("logs in with the credential that the API gave out, and stays logged in", async () => {
    const state = join(home, "logged-in.json");
    const password = registry.passwordIn(home);

    const greeting = await skopeo.run(
      ...["login", PLAIN_HTTP, "--authfile", state, "--username", "any", "--password", password, host],
    );
    await skopeo.run("copy", TO_PLAIN_HTTP, "--authfile", state, "oci:image:v1", remote("acme/login:v1"));

    expect(greeting).toContain("Login Succeeded!");
  });

  test("an image in a repository of several components comes back byte for byte", async () => {
    await push("oci:image:v1", "acme/team/tools/app:v1");
    await pull("acme/team/tools/app:v1", "oci:pulled-image:v1");

    expect(blobsOf(join(home, "pulled-image"))).toEqual(filesOf(image));
    expect(await inspectRaw("acme/team/tools/app:v1")).toBe(image.manifest.content.toString());
    expect(await inspectRaw(`acme/team/tools/app@${image.manifest.digest}`)).toBe(
      image.manifest.content.toString(),
    );
  });

  test("an index comes back byte for byte, with the image of every platform", async () => {
    await push("oci:index:v1", "acme/index:v1", "--all", "--preserve-digests");
    await pull("acme/index:v1", "oci:pulled-index:v1", "--all", "--preserve-digests");

    expect(blobsOf(join(home, "pulled-index"))).toEqual(filesOf(index));
    expect(await inspectRaw("acme/index:v1")).toBe(index.manifest.content.toString());
  });

  test("one platform of an index is pulled by itself", async () => {
    const [, arm] = index.images;
    await push("oci:index:v1", "acme/platforms:v1", "--all", "--preserve-digests");

    await skopeo.run(
      ...["--override-arch=arm64", "--override-variant=v8", "copy", FROM_PLAIN_HTTP, "--authfile", mayRead],
      ...[remote("acme/platforms:v1"), "oci:pulled-platform:v1"],
    );

    expect(blobsOf(join(home, "pulled-platform"))).toEqual(filesOf(arm ?? image));
  });

  test("Docker's formats come back byte for byte too, an image's and a list's", async () => {
    await push("oci:image:v1", "acme/docker:image", "--format", "v2s2");
    await push("oci:index:v1", "acme/docker:list", "--all", "--format", "v2s2");
    await pull("acme/docker:image", "dir:pulled-docker");

    const pulled = join(home, "pulled-docker");
    const manifest = readFileSync(join(pulled, "manifest.json"), "utf8");
    expect(JSON.parse(manifest)).toMatchObject({
      mediaType: "application/vnd.docker.distribution.manifest.v2+json",
    });
    expect(await inspectRaw("acme/docker:image")).toBe(manifest);
    for (const { digest, content } of image.blobs) {
      expect(readFileSync(join(pulled, hexOf(digest))).equals(content), digest).toBe(true);
    }
    const list = JSON.parse(await inspectRaw("acme/docker:list"));
    expect(list.mediaType).toBe("application/vnd.docker.distribution.manifest.list.v2+json");
    for (const { digest } of list.manifests) {
      expect(contentOf(Buffer.from(await inspectRaw(`acme/docker@${digest}`))).digest).toBe(digest);
    }
  });

  test("inspect shows digest, layers and tags", async () => {
    await push("oci:image:v1", "acme/inspected:v1");
    await push("oci:image:v1", "acme/inspected:latest");

    const text = await skopeo.run("inspect", PLAIN_HTTP, "--authfile", mayRead, remote("acme/inspected:v1"));

    expect(JSON.parse(text)).toMatchObject({
      Name: `${host}/acme/inspected`,
      Digest: image.manifest.digest,
      RepoTags: ["latest", "v1"],
      Architecture: "amd64",
      Layers: image.blobs.slice(1).map(({ digest }) => digest),
    });
  });

  test("tags are listed to the last, over more than one page", async () => {
    const names = Array.from({ length: 1005 }, (_, number) => `t${String(number).padStart(4, "0")}`);
    await push("oci:image:v1", `acme/many:${names[0]}`);
    const headers = await registry.authorized("acme/many", "pull,push");
    for (let first = 1; first < names.length; first += 50) {
      await Promise.all(names.slice(first, first + 50).map((name) => putTag("acme/many", name, headers)));
    }

    expect(await listTags("acme/many")).toEqual(names);
  });

  test("a copy from one repository to another mounts the layers and sends none of them", async () => {
    await push("oci:image:v1", "acme/origin:v1");

    await skopeo.run(
      ...["copy", FROM_PLAIN_HTTP, TO_PLAIN_HTTP, "--authfile", mayWrite],
      ...[remote("acme/origin:v1"), remote("acme/mounted:v1")],
    );

    // All that is sent is the config.
    await expect
      .poll(() => registry.arrivals("acme/mounted"))
      .toEqual({ mounted: image.blobs.length - 1, uploaded: 1 });
    await pull("acme/mounted:v1", "oci:pulled-mounted:v1");
    expect(blobsOf(join(home, "pulled-mounted"))).toEqual(filesOf(image));
  });

  test("what was deleted can be neither inspected nor pulled, and everything else stays", async () => {
    const kept = anImage({ seed: 4 });
    await writeOciLayout(join(home, "kept"), kept, "v1");
    await push("oci:image:v1", "acme/deleted:v1");
    await push("oci:image:v1", "acme/deleted:same-manifest");
    await push("oci:kept:v1", "acme/deleted:kept");

    await skopeo.run("delete", PLAIN_HTTP, "--authfile", mayWrite, remote("acme/deleted:v1"));

    // skopeo deletes the manifest that the tag points at, and with it goes every tag on it.
    for (const reference of [":v1", ":same-manifest", `@${image.manifest.digest}`]) {
      const name = remote(`acme/deleted${reference}`);
      const { code, stderr } = await skopeo.attempt("inspect", PLAIN_HTTP, "--authfile", mayRead, name);
      expect([reference, code]).toEqual([reference, 1]);
      expect(stderr).toContain("manifest unknown");
    }
    expect(await listTags("acme/deleted")).toEqual(["kept"]);
    await pull("acme/deleted:kept", "oci:pulled-kept:v1");
    expect(blobsOf(join(home, "pulled-kept"))).toEqual(filesOf(kept));
  });

  test("sync takes a whole repository out, and into another one", async () => {
    await push("oci:image:v1", "acme/synced:v1");
    await push("oci:image:v1", "acme/synced:v2");
    mkdirSync(join(home, "synced"));

    await skopeo.run(
      ...["sync", "--scoped", FROM_PLAIN_HTTP, "--src-authfile", mayRead],
      ...["--src", "docker", "--dest", "dir", `${host}/acme/synced`, "synced"],
    );
    await skopeo.run(
      ...["sync", TO_PLAIN_HTTP, "--dest-authfile", mayWrite],
      ...["--src", "dir", "--dest", "docker", `synced/${host}/acme`, `${host}/acme/copies`],
    );

    expect(await listTags("acme/copies/synced")).toEqual(["v1", "v2"]);
    expect(await inspectRaw("acme/copies/synced:v2")).toBe(image.manifest.content.toString());
  });

  describe("a credential that may only read", () => {
    beforeAll(() => push("oci:image:v1", "acme/read-only:v1"));

    test("pulls", async () => {
      await pull("acme/read-only:v1", "oci:pulled-by-reader:v1");
      expect(blobsOf(join(home, "pulled-by-reader"))).toEqual(filesOf(image));
    });

    test("does not push, neither to a new repository nor to one that is there", async () => {
      for (const name of ["acme/read-only:v2", "acme/new:v1"]) {
        const { code, stderr } = await skopeo.attempt(
          ...["copy", TO_PLAIN_HTTP, "--authfile", mayRead, "oci:image:v1", remote(name)],
        );
        expect([name, code]).toEqual([name, 1]);
        expect(stderr).toMatch(REFUSED);
      }
      expect(await listTags("acme/read-only")).toEqual(["v1"]);
    });

    test("does not delete", async () => {
      const { code } = await skopeo.attempt(
        ...["delete", PLAIN_HTTP, "--authfile", mayRead, remote("acme/read-only:v1")],
      );
      expect(code).toBe(1);
      expect(await inspectRaw("acme/read-only:v1")).toBe(image.manifest.content.toString());
    });
  });

  test("a wrong password is refused as such, at login and at any other command", async () => {
    await push("oci:image:v1", "acme/locked:v1");
    const wrong = `${registry.passwordIn(home).slice(0, -1)}!`;
    const state = join(home, "refused.json");

    const login = await skopeo.attempt(
      ...["login", PLAIN_HTTP, "--authfile", state, "--username", "any", "--password", wrong, host],
    );
    const inspect = await skopeo.attempt(
      ...["inspect", PLAIN_HTTP, "--creds", `any:${wrong}`, remote("acme/locked:v1")],
    );
    const anonymous = await skopeo.attempt("inspect", PLAIN_HTTP, "--no-creds", remote("acme/locked:v1"));

    for (const { code, stderr } of [login, inspect]) {
      expect(code).toBe(1);
      expect(stderr).toContain("invalid username/password");
    }
    expect(inspect.stderr).toMatch(REFUSED);
    expect(anonymous.code).toBe(1);
    expect(anonymous.stderr).toMatch(REFUSED);
  });

  test("the credential of one registry opens no other", async () => {
    const owner = `--creds=owner:${OWNER_TOKEN}`;
    await skopeo.run(
      ...["copy", TO_PLAIN_HTTP, `--dest-creds=owner:${OWNER_TOKEN}`],
      ...["oci:image:v1", remote("globex/app:v1")],
    );

    const attempts = [
      await skopeo.attempt("inspect", PLAIN_HTTP, "--authfile", mayWrite, remote("globex/app:v1")),
      await skopeo.attempt("list-tags", PLAIN_HTTP, "--authfile", mayWrite, remote("globex/app")),
      await skopeo.attempt("delete", PLAIN_HTTP, "--authfile", mayWrite, remote("globex/app:v1")),
      await skopeo.attempt(
        ...["copy", TO_PLAIN_HTTP, "--authfile", mayWrite, "oci:image:v1", remote("globex/app:v2")],
      ),
    ];

    for (const { code, stderr } of attempts) {
      expect(code).toBe(1);
      expect(stderr).toMatch(REFUSED);
    }
    const tags = JSON.parse(await skopeo.run("list-tags", PLAIN_HTTP, owner, remote("globex/app"))).Tags;
    expect(tags).toEqual(["v1"]);
  });
});

function hexOf(digest: string): string {
  return digest.slice("sha256:".length);
}
