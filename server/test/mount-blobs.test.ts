import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { anImage } from "./support/images.ts";
import {
  type Answer,
  aBlob,
  describeOnBothDatabases,
  mustBe,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

describeOnBothDatabases("a mount", (database) => {
  const blob = aBlob();
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await startRegistry({ database });
    await registry.createRegistry("acme");
    mustBe(201, await registry.pushBlob("acme/source", blob));
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  async function tokenFor(...scopes: string[]): Promise<string> {
    const { json } = await registry.askForToken(scopes.map((scope) => `repository:${scope}`));
    return json.token;
  }

  function mount(to: string, query: string, token: string): Promise<Answer> {
    return registry.oci("POST", `/v2/${to}/blobs/uploads/?${query}`, token);
  }

  async function pulls(repository: string, { digest } = blob): Promise<boolean> {
    const token = await registry.tokenFor(repository, "pull");
    return (await registry.oci("GET", `/v2/${repository}/blobs/${digest}`, token)).status === 200;
  }

  test("from a repository that the token pulls from makes the blob this repository's too", async () => {
    const token = await tokenFor("acme/a:pull,push", "acme/source:pull");
    const answer = await mount("acme/a", `mount=${blob.digest}&from=acme/source`, token);
    expect(answer.status).toBe(201);
    expect(answer.headers).toMatchObject({
      location: `/v2/acme/a/blobs/${blob.digest}`,
      "docker-content-digest": blob.digest,
    });
    expect(answer.headers).not.toHaveProperty("docker-upload-uuid");
    expect(await pulls("acme/a")).toBe(true);
  });

  test("outlives what it was mounted from", async () => {
    const moved = aBlob();
    mustBe(201, await registry.pushBlob("acme/short-lived", moved));
    const token = await tokenFor("acme/b:pull,push", "acme/short-lived:pull,delete");
    mustBe(201, await mount("acme/b", `mount=${moved.digest}&from=acme/short-lived`, token));
    mustBe(202, await registry.oci("DELETE", `/v2/acme/short-lived/blobs/${moved.digest}`, token));
    expect(await pulls("acme/short-lived", moved)).toBe(false);
    expect(await pulls("acme/b", moved)).toBe(true);
  });

  test.each([
    [
      "a source that is not there",
      `mount=${blob.digest}&from=acme/nowhere`,
      ["acme/c:push", "acme/nowhere:pull"],
    ],
    [
      "a registry that is not there",
      `mount=${blob.digest}&from=nobody/source`,
      ["acme/c:push", "nobody/source:pull"],
    ],
    [
      "a digest that is not there",
      `mount=${aBlob("x").digest}&from=acme/source`,
      ["acme/c:push", "acme/source:pull"],
    ],
    ["a digest that is nowhere", `mount=${aBlob("x").digest}`, ["acme/c:push", "acme/source:pull"]],
    ["two sources", `mount=${blob.digest}&from=acme/source&from=acme/a`, ["acme/c:push", "acme/source:pull"]],
    ["a source that is no name", `mount=${blob.digest}&from=../source`, ["acme/c:push", "acme/source:pull"]],
    ["a digest that is none", "mount=sha256:abc&from=acme/source", ["acme/c:push", "acme/source:pull"]],
    [
      "two digests",
      `mount=${blob.digest}&mount=${blob.digest}&from=acme/source`,
      ["acme/c:push", "acme/source:pull"],
    ],
    ["an empty digest", "mount=&from=acme/source", ["acme/c:push", "acme/source:pull"]],
  ])("of %s begins an upload, and tells nothing else", async (_, query, scopes) => {
    const token = await tokenFor(...scopes);
    const [answer, ordinary] = [await mount("acme/c", query, token), await mount("acme/c", "", token)];
    const id = answer.headers["docker-upload-uuid"];
    const told = ({ status, headers, body }: Answer) => ({
      status,
      body: body.toString(),
      headers: Object.keys(headers).sort(),
      range: headers.range,
    });
    expect(answer.status).toBe(202);
    expect(answer.headers.location).toBe(`/v2/acme/c/blobs/uploads/${id}`);
    expect(told(answer)).toEqual(told(ordinary));
    expect(await pulls("acme/c")).toBe(false);
    // It is an upload like any other.
    const content = aBlob();
    const put = await registry.oci("PUT", `${answer.headers.location}?digest=${content.digest}`, token, {
      headers: { "content-type": "application/octet-stream" },
      body: content.content,
    });
    expect(put.status).toBe(201);
  });

  describe("without a source", () => {
    test("finds one among those that the token pulls from", async () => {
      const token = await tokenFor("acme/f:pull,push", "acme/nowhere:pull", "acme/source:pull");
      const answer = await mount("acme/f", `mount=${blob.digest}`, token);
      expect(answer.status).toBe(201);
      expect(answer.headers.location).toBe(`/v2/acme/f/blobs/${blob.digest}`);
      expect(await pulls("acme/f")).toBe(true);
    });

    test("finds the repository itself, where that has the blob", async () => {
      const token = await tokenFor("acme/source:pull,push");
      expect((await mount("acme/source", `mount=${blob.digest}`, token)).status).toBe(201);
    });

    test("sends the client for a token that pulls from one, where its credential may", async () => {
      const token = await tokenFor("acme/g:pull,push");
      const { status, headers } = await mount("acme/g", `mount=${blob.digest}`, token);
      expect(status).toBe(401);
      const scopes = /scope="repository:acme\/g:pull,push (repository:acme\/[a-z]+:pull)"/.exec(
        headers["www-authenticate"] ?? "",
      );
      const { json } = await registry.askForToken(["repository:acme/g:pull,push", scopes?.[1] ?? ""]);
      expect((await mount("acme/g", `mount=${blob.digest}`, json.token)).status).toBe(201);
    });

    test("by sha512 finds what was pushed by that", async () => {
      const { content } = aBlob();
      const digest = `sha512:${createHash("sha512").update(content).digest("hex")}`;
      mustBe(201, await registry.pushBlob("acme/source", { digest, content }));
      const token = await tokenFor("acme/f:pull,push", "acme/source:pull");
      const answer = await mount("acme/f", `mount=${digest}`, token);
      expect([answer.status, answer.headers["docker-content-digest"]]).toEqual([201, digest]);
      expect(await pulls("acme/f", { digest, content })).toBe(true);
    });

    test("does not find what lies in another account's registry alone (CVE-2024-39897)", async () => {
      const theirs = aBlob();
      const foreigner = await registry.addAccount("strangers");
      const push = await registry.tokenFor("strangers/source", "pull,push", foreigner);
      mustBe(201, await registry.pushBlob("strangers/source", theirs, push));
      const token = await tokenFor("acme/h:pull,push");
      expect((await mount("acme/h", `mount=${theirs.digest}`, token)).status).toBe(202);
      expect(await pulls("acme/h", theirs)).toBe(false);
    });

    test("does not find what lay in a repository that is deleted", async () => {
      const image = anImage();
      await registry.push("acme/old", image, "v1");
      mustBe(204, await registry.api("DELETE", "/v2/registries/acme/repositories/old"));
      const token = await tokenFor("acme/i:pull,push");
      expect((await mount("acme/i", `mount=${image.blobs[0]?.digest}`, token)).status).toBe(202);
    });
  });

  test.each([
    ["does not name", []],
    ["only pushes to", ["acme/source:push"]],
  ])(
    "from a repository that the token %s asks for a token that pulls there (CVE-2026-117685)",
    async (_, scopes) => {
      const token = await tokenFor("acme/k:pull,push", ...scopes);
      for (const source of ["acme/source", "acme/nowhere"]) {
        const answer = await mount("acme/k", `mount=${blob.digest}&from=${source}`, token);
        expect(answer.status).toBe(401);
        expect(answer.headers["www-authenticate"]).toContain(
          `scope="repository:acme/k:pull,push repository:${source}:pull",error="insufficient_scope"`,
        );
      }
      expect(await pulls("acme/k")).toBe(false);
    },
  );

  test("from another account's registry begins an upload", async () => {
    const foreigner = await registry.addAccount("foreign");
    mustBe(
      201,
      await registry.pushBlob(
        "foreign/source",
        blob,
        await registry.tokenFor("foreign/source", "push", foreigner),
      ),
    );
    const secret = aBlob();
    const theirs = await registry.tokenFor("foreign/source", "pull,push", foreigner);
    mustBe(201, await registry.pushBlob("foreign/source", secret, theirs));

    const token = await tokenFor("acme/d:pull,push", "foreign/source:pull");
    const answer = await mount("acme/d", `mount=${secret.digest}&from=foreign/source`, token);
    expect(answer.status).toBe(202);
    expect(await pulls("acme/d", secret)).toBe(false);
  });

  test("from what may not be read is answered as one from what is not there, in every byte", async () => {
    const owner = await registry.addAccount("private");
    const hidden = aBlob();
    const push = await registry.tokenFor("private/source", "pull,push", owner);
    mustBe(201, await registry.pushBlob("private/source", hidden, push));
    const sources = ["private/source", "private/nowhere", "nobody/source"];
    const scopes = sources.map((source) => `${source}:pull`);
    for (const token of [await tokenFor("acme/l:pull,push"), await tokenFor("acme/l:pull,push", ...scopes)]) {
      const answers = await Promise.all(
        sources.map(async (source) => {
          const answer = await mount("acme/l", `mount=${hidden.digest}&from=${source}`, token);
          return wholeOf(answer, source);
        }),
      );
      expect(answers).toEqual(answers.map(() => answers[0]));
      expect(answers[0]).toContain("202");
    }
    // Where the credential may read, and the token does not say so, neither tells what is there.
    const token = await tokenFor("acme/l:pull,push");
    const own = await Promise.all(
      ["acme/source", "acme/absent"].map(async (source) =>
        wholeOf(await mount("acme/l", `mount=${blob.digest}&from=${source}`, token), source),
      ),
    );
    expect(own[0]).toContain("401");
    expect(own[1]).toBe(own[0]);
  });

  test("into a repository needs the right to push there", async () => {
    const token = await tokenFor("acme/e:pull", "acme/source:pull");
    const answer = await mount("acme/e", `mount=${blob.digest}&from=acme/source`, token);
    expect(answer.status).toBe(401);
    const scope = "repository:acme/e:pull,push repository:acme/source:pull";
    expect(answer.headers["www-authenticate"]).toContain(`scope="${scope}"`);
    expect(await pulls("acme/e")).toBe(false);
  });
});

/** Status, headers and body in one text, without the ids of this request and of what it began, and the name that it asked for. */
function wholeOf({ status, headers, body }: Answer, source: string): string {
  const text = JSON.stringify([status, { ...headers, date: "", "x-request-id": "" }, body.toString()]);
  return text.replaceAll(headers["docker-upload-uuid"] ?? "no upload", "ID").replaceAll(source, "SOURCE");
}
