import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isDataPlaneUrl, routableUrl } from "../src/oci/url.ts";
import { anImage } from "./support/images.ts";
import {
  type Answer,
  aBlob,
  codeOf,
  mustBe,
  OWNER_TOKEN,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

// Both planes are below /v2/: the first component of the path tells them apart, byte for byte.

let registry: TestRegistry;
beforeAll(async () => {
  registry = await startRegistry();
  await registry.createRegistry("acme");
});
afterAll(() => registry[Symbol.asyncDispose]());

/** As the owner on the management plane, who on the data plane is nobody. */
function ask(url: string): Promise<Answer> {
  return registry.send("GET", url, { headers: { authorization: `Bearer ${OWNER_TOKEN}` } });
}

function isOfDataPlane({ headers }: Answer): boolean {
  return headers["docker-distribution-api-version"] === "registry/2.0";
}

describe("the management API answers", () => {
  test.each([
    ["/v2/registry", 200],
    ["/v2/registry/", 200],
    ["/v2/registry?x=/v2/acme/app", 200],
    ["/v2/registry/acme/repositoriesV2", 200],
    ["/v2/registry/acme/manifests/v1", 404],
    ["/v2/registry/app/tags/list", 404],
    ["/v2/registry/app/blobs/uploads/", 404],
    [`/v2/registry/app/blobs/${aBlob("x").digest}`, 404],
    ["/v2/registries/app/manifests/v1", 404],
    ["/v2/account/app/tags/list", 404],
    ["/v2/kubernetes/app/tags/list", 404],
    ["/v1/app/tags/list", 404],
    ["/V2/", 404],
    ["/V2/registry", 404],
    ["/v%32/registry", 404],
    ["/%76%32/registry", 404],
    ["/v2%2Fregistry", 404],
    ["/%2Fv2/registry", 404],
  ])("%s with %i", async (url, status) => {
    const answer = await ask(url);
    expect(answer.status).toBe(status);
    expect(isOfDataPlane(answer)).toBe(false);
    if (status === 404) expect(answer.json.id).toBe("not_found");
  });
});

describe("the data plane answers", () => {
  test.each([
    ["/v2/", 401, "UNAUTHORIZED"],
    ["/v2", 401, "UNAUTHORIZED"],
    ["/v2/Registry/x/tags/list", 400, "NAME_INVALID"],
    ["/v2/REGISTRY/x/tags/list", 400, "NAME_INVALID"],
    ["/v2/registry%2Fx/tags/list", 400, "NAME_INVALID"],
    ["/v2/%72egistry/x/tags/list", 400, "NAME_INVALID"],
    ["/v2/registry%00/x/tags/list", 400, "NAME_INVALID"],
    ["/v2/registry%20/x/tags/list", 400, "NAME_INVALID"],
    ["/v2/subscription/x/tags/list", 400, "NAME_INVALID"],
    ["/v2/auth/x/tags/list", 400, "NAME_INVALID"],
    ["/v2/acme%2Fapp/tags/list", 400, "NAME_INVALID"],
    ["/v2/acme/%61pp/tags/list", 400, "NAME_INVALID"],
    ["/v2/acme/tags/list", 400, "NAME_INVALID"],
    ["/v2/registryx/app/tags/list", 401, "UNAUTHORIZED"],
    ["/v2/registry-1/app/tags/list", 401, "UNAUTHORIZED"],
    ["/v2/acme/registry/tags/list", 401, "UNAUTHORIZED"],
    ["/v2/Registry", 404, "NAME_UNKNOWN"],
    ["/v2/%72egistry", 404, "NAME_UNKNOWN"],
    ["/v2/registry%2Fx", 404, "NAME_UNKNOWN"],
    ["/v2/registry%2Facme%2FrepositoriesV2", 404, "NAME_UNKNOWN"],
    ["/v2/%72egistry/acme/repositoriesV2", 404, "NAME_UNKNOWN"],
    ["/v2/registry%3Fx", 404, "NAME_UNKNOWN"],
    ["/v2/_catalog", 401, "UNAUTHORIZED"],
    ["/v2/%5Fcatalog", 404, "NAME_UNKNOWN"],
    ["/v2/acme/app", 404, "NAME_UNKNOWN"],
    ["/v2/acme/app/tags/list/", 404, "NAME_UNKNOWN"],
    ["/v2/acme/app/tags%2Flist", 404, "NAME_UNKNOWN"],
    ["/v2/acme/app/Manifests/v1", 404, "NAME_UNKNOWN"],
    ["/v2/acme/app/blobs/", 404, "NAME_UNKNOWN"],
    ["/v2/acme/app/manifests/", 404, "NAME_UNKNOWN"],
  ])("%s with %i %s", async (url, status, code) => {
    const answer = await ask(url);
    expect([answer.status, codeOf(answer)]).toEqual([status, code]);
    expect(isOfDataPlane(answer)).toBe(true);
  });
});

describe("a path whose escapes are broken is refused in the words of its plane", () => {
  test.each(["/v2/acme/app/manifests/%zz", "/v2/acme/app/blobs/%", "/v2/acme/app/manifests/%ff"])(
    "%s",
    async (url) => {
      const answer = await ask(url);
      expect([answer.status, codeOf(answer)]).toEqual([400, "UNSUPPORTED"]);
      expect(answer.json.errors[0].message).not.toContain("FST_");
    },
  );

  test.each(["/v2/registry/%zz/repositoriesV2", "/v2/registry/%ff/repositoriesV2", "/v2/registries/%"])(
    "%s",
    async (url) => {
      const answer = await ask(url);
      expect(answer.status).toBe(400);
      expect(answer.json).toEqual({
        id: "bad_request",
        message: "the path has a percent sign that begins no escape: escape it as %25",
        request_id: answer.headers["x-request-id"],
      });
    },
  );
});

describe("a repository's name may be made of the words of the API", () => {
  const image = anImage();
  test.each([
    "acme/blobs",
    "acme/blobs/uploads",
    "acme/blobs/uploads/blobs",
    "acme/manifests",
    "acme/manifests/latest",
    "acme/tags/list",
    "acme/tags/list/tags",
    "acme/referrers",
    "acme/uploads",
    "acme/v2",
    "acme/registry",
    "acme/registries/acme",
    "acme/blobs/manifests/tags/list/uploads",
    `acme/${"x".repeat(248)}`,
  ])("%s", async (name) => {
    await registry.push(name, image, "list");
    const token = await registry.tokenFor(name);
    const tags = await registry.oci("GET", `/v2/${name}/tags/list`, token);
    expect(tags.json).toEqual({ name, tags: ["list"] });
    const [config] = image.blobs;
    const blob = await registry.oci("GET", `/v2/${name}/blobs/${config?.digest}`, token);
    expect(blob.body.equals(config?.content ?? Buffer.alloc(0))).toBe(true);
    const url = `/v2/registry/acme/repositories/${encodeURIComponent(name.slice("acme/".length))}/tags`;
    expect((await registry.api("GET", url)).json.meta.total).toBe(1);
    mustBe(202, await registry.oci("DELETE", `/v2/${name}/manifests/list`, token));
  });

  test("and a tag too", async () => {
    for (const tag of ["blobs", "uploads", "tags", "list", "manifests", "v2"]) {
      await registry.push("acme/words", image, tag);
    }
    const token = await registry.tokenFor("acme/words", "pull");
    expect((await registry.oci("GET", "/v2/acme/words/manifests/manifests", token)).status).toBe(200);
  });
});

describe("a URL on its way to the router", () => {
  test.each([
    ["/v2/acme/app/tags/list?n=1", "/v2/acme%2Fapp/tags/list?n=1"],
    ["/v2/a/b/c/manifests/x", "/v2/a%2Fb%2Fc/manifests/x"],
    ["/v2/a/manifests/b/manifests/c", "/v2/a%2Fmanifests%2Fb/manifests/c"],
    ["/v2/a/b/blobs/uploads/", "/v2/a%2Fb/blobs/uploads/"],
    ["/v2/a/blobs/uploads/blobs/uploads/", "/v2/a%2Fblobs%2Fuploads/blobs/uploads/"],
    ["/v2/a/blobs/uploads/x", "/v2/a/blobs/uploads/x"],
    ["/v2/a%2Fb/tags/list", "/v2/a%252Fb/tags/list"],
    ["http://host:5100/v2/a/b/tags/list?n=1", "/v2/a%2Fb/tags/list?n=1"],
    ["/v2/", "/v2/"],
    ["/v2/registry/acme/tags/list", "/v2/registry/acme/tags/list"],
    ["/v2/registry/a%2Fb?x=%2F", "/v2/registry/a%2Fb?x=%2F"],
    ["/v2/%72egistry", "/v2/%2572egistry"],
    ["/%762/registry", "/%25762%2Fregistry"],
    ["/livez", "/livez"],
    ["*", "*"],
    ["", ""],
  ])("%j becomes %j", (url, routable) => {
    expect(routableUrl(url)).toBe(routable);
  });

  test.each([
    ["/v2/acme/app/tags/list", true],
    ["/v2/", true],
    ["/v2/%72egistry", true],
    ["https://host/v2/x?y", true],
    ["/v2/registry", false],
    ["/v2/registry?x", false],
    ["/v2/registries/x", false],
    ["/v1/x", false],
    ["/", false],
  ])("%s is the data plane's: %s", (url, is) => {
    expect(isDataPlaneUrl(url)).toBe(is);
  });
});
