/** The config.json that the API gives out, in the shapes in which kubelets and secrets hold it: it is all that a pull needs. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { anImage, blobsOf, filesOf, writeOciLayout } from "../support/images.ts";
import { programIn } from "../support/programs.ts";
import { type ServedRegistry, serveRegistry } from "../support/served-registry.ts";

interface Entry {
  auth: string;
}

/** How each client copies an image into the OCI layout `pulled`. */
const PULLS = {
  crane: (name: string) => ["pull", "--insecure", "--format", "oci", name, "pulled"],
  oras: (name: string) => ["cp", "--from-plain-http", name, "--to-oci-layout", "pulled:v1"],
  skopeo: (name: string) => ["copy", "--src-tls-verify=false", `docker://${name}`, "oci:pulled:v1"],
};

type Client = keyof typeof PULLS;

/** What may stand in a config.json for a host and what the API says of it, and who takes it so. */
const SHAPES: { shape: string; auths: (host: string, entry: Entry) => object; takers: Client[] }[] = [
  {
    shape: "as it is given out",
    auths: (host, entry) => ({ [host]: entry }),
    takers: ["crane", "oras", "skopeo"],
  },
  {
    shape: "with user name and password apart",
    auths: (host, { auth }) => {
      const [username, password] = atob(auth).split(":");
      return { [host]: { username, password } };
    },
    takers: ["crane", "oras"],
  },
  {
    shape: "for one registry of the host",
    auths: (host, entry) => ({ [`${host}/acme`]: entry }),
    takers: ["crane", "oras", "skopeo"],
  },
  {
    shape: "beside another host's entry",
    auths: (host, entry) => ({ "registry.example": { auth: btoa("a:b") }, [host]: entry }),
    takers: ["crane", "oras", "skopeo"],
  },
];

const resources = new AsyncDisposableStack();
const image = anImage({ layers: 2 });
let registry: ServedRegistry;

beforeAll(async () => {
  registry = resources.use(await serveRegistry());
  const home = await registry.writersHome();
  await writeOciLayout(join(home, "image"), image, "v1");
  await programIn(home, "crane").run("push", "--insecure", "image", `${registry.host}/acme/app:v1`);
});

afterAll(() => resources.disposeAsync());

test("nothing is in it but one entry under the registry's host", async () => {
  const config = JSON.parse(readFileSync(join(await registry.readersHome(), ".docker/config.json"), "utf8"));
  expect(config).toEqual({ auths: { [registry.host]: { auth: expect.any(String) } } });
});

describe.each(SHAPES)("a config.json $shape", ({ auths, takers }) => {
  test.each(takers)("is all that %s needs to pull", async (program) => {
    const home = await registry.readersHome();
    const path = join(home, ".docker/config.json");
    const given = JSON.parse(readFileSync(path, "utf8"));
    writeFileSync(path, JSON.stringify({ auths: auths(registry.host, given.auths[registry.host]) }));

    await programIn(home, program).run(...PULLS[program](`${registry.host}/acme/app:v1`));

    expect(blobsOf(join(home, "pulled"))).toEqual(filesOf(image));
  });
});
