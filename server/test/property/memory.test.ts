import fc from "fast-check";
import { expect, test } from "vitest";
import { FUZZ_RUNS } from "../support/fuzz.ts";
import { contentOf } from "../support/images.ts";
import { Connection } from "../support/pusher.ts";
import { sendRaw } from "../support/raw-http.ts";
import { serveRegistry } from "../support/served-registry.ts";
import { peakMemoryOf } from "../support/server-process.ts";
import { anAuthorization, aRequest, config, image, layer, manifestText } from "./requests.ts";

const MIB = 1024 * 1024;
/** How much more than before it may ever take, however many requests there are. */
const MORE_MEMORY = 128 * MIB;
/** So many clients at once. */
const AT_ONCE = 8;

test(
  "a server that is asked whatever comes stays as small as it is, and its rows and bytes agree",
  async () => {
    await using registry = await serveRegistry();
    const { child, origin } = registry.server;
    const port = Number(new URL(origin).port);
    const { authorization = "" } = await registry.authorized("acme/app", "pull,push,delete");
    const client = new Connection(origin, authorization.replace("Bearer ", ""));
    for (const { digest, content } of [config, layer]) {
      const url = `/v2/acme/app/blobs/uploads/?digest=${digest}`;
      const headers = { "content-type": "application/octet-stream" };
      expect((await client.send("POST", url, { headers, body: content })).status).toBe(201);
    }
    const push = (body: Buffer) => {
      const headers = { "content-type": image.mediaType };
      return client.send("PUT", `/v2/acme/app/manifests/${contentOf(body).digest}`, { headers, body });
    };
    expect((await push(image.content)).status).toBe(201);
    const before = peakMemoryOf(child);

    const credentials = fc.oneof({ weight: 3, arbitrary: fc.constant(authorization) }, anAuthorization);
    const requests = fc.array(aRequest(credentials), { minLength: AT_ONCE, maxLength: AT_ONCE });
    const numRuns = Math.ceil(FUZZ_RUNS / AT_ONCE);
    await fc.assert(
      fc.asyncProperty(requests, manifestText, async (requests, manifest) => {
        const answers = await Promise.all(requests.map((request) => sendRaw(port, request)));
        for (const { status, body } of answers) expect(status, body).toBeLessThan(500);
        expect([201, 400]).toContain((await push(Buffer.from(manifest))).status);
      }),
      { numRuns },
    );

    expect((peakMemoryOf(child) - before) / MIB).toBeLessThan(MORE_MEMORY / MIB);
    const { code, stdout } = await registry.boxyard("verify", "--full");
    expect([code, stdout]).toEqual([0, "✓ rows and bytes agree\n"]);
  },
  120_000 + FUZZ_RUNS * 200,
);
