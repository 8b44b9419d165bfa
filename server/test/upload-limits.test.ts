import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test, vi } from "vitest";
import { REGIONS } from "../src/model/region.ts";
import {
  type Answer,
  aBlob,
  codeOf,
  describeOnBothDatabases,
  mustBe,
  startRegistry,
  type TestRegistry,
} from "./support/registry.ts";

const CHUNK = { "content-type": "application/octet-stream" };
const LIMITS = { sessions: 1000, stagedBytes: 1024 ** 3 };

describeOnBothDatabases("what an account may upload at once", (database) => {
  let registry: TestRegistry;
  afterEach(() => registry[Symbol.asyncDispose]());

  async function start(uploadLimits: Partial<typeof LIMITS>): Promise<string> {
    registry = await startRegistry({ database, uploadLimits: { ...LIMITS, ...uploadLimits } });
    await registry.createRegistry("acme");
    return registry.tokenFor("acme/app");
  }

  function begin(token: string, repository = "acme/app", query = ""): Promise<Answer> {
    return registry.oci("POST", `/v2/${repository}/blobs/uploads/${query}`, token, { headers: CHUNK });
  }

  function expectRefusal(answer: Answer, message: string): void {
    expect([answer.status, codeOf(answer)]).toEqual([429, "TOOMANYREQUESTS"]);
    expect(answer.headers["retry-after"]).toBe("60");
    expect(answer.json.errors[0].message).toContain(message);
  }

  test("has a number, in all of its registries together", async () => {
    const token = await start({ sessions: 3 });
    await registry.addRegistry("second");
    const second = await registry.tokenFor("second/app");
    mustBe(202, await begin(token));
    mustBe(202, await begin(token));
    mustBe(202, await begin(second, "second/app"));
    for (const answer of [await begin(token), await begin(second, "second/app")]) {
      expectRefusal(answer, "the account would have 4 uploads under way, and the limit is 3");
    }
    const { digest } = aBlob();
    expectRefusal(await begin(token, "acme/app", `?digest=${digest}`), "4 uploads");
  });

  test("has a number, however many are begun at once", async () => {
    const token = await start({ sessions: 3 });
    for (let burst = 0; burst < 2; burst++) {
      const answers = await Promise.all(Array.from({ length: 32 }, () => begin(token)));
      const begun = answers.filter(({ status }) => status === 202);
      for (const answer of answers) if (!begun.includes(answer)) expectRefusal(answer, "the limit is 3");
      expect(begun).toHaveLength(burst === 0 ? 3 : 0);
    }
  });

  test("is not what another account uploads", async () => {
    const token = await start({ sessions: 1 });
    const stranger = await registry.tokenFor("other/app", "push", await registry.addAccount("other"));
    mustBe(202, await begin(token));
    mustBe(202, await begin(stranger, "other/app"));
    expect((await begin(token)).status).toBe(429);
  });

  test("is not what it has uploaded: however many, one after another, go through", async () => {
    const token = await start({ sessions: 1, stagedBytes: 100 });
    for (let number = 0; number < 20; number++) {
      mustBe(201, await registry.pushBlob("acme/app", aBlob(`a blob of some bytes ${number}`), token));
    }
  });

  test("is let in again when one is finished or cancelled", async () => {
    const token = await start({ sessions: 2 });
    const { digest, content } = aBlob();
    const first = await registry.startUpload("acme/app", token);
    const second = await registry.startUpload("acme/app", token);
    for (const end of [
      () => registry.oci("PUT", `${first}?digest=${digest}`, token, { headers: CHUNK, body: content }),
      () => registry.oci("DELETE", second, token),
    ]) {
      expect((await begin(token)).status).toBe(429);
      expect((await end()).status).toBeLessThan(300);
      // It is counted anew after a moment.
      await vi.waitFor(async () => expect((await begin(token)).status).toBe(202), { timeout: 30_000 });
    }
  });

  test("ends by itself, bytes and all, once nobody has gone on with it for as long as is set", async () => {
    registry = await startRegistry({ database, uploadLifeSeconds: 600 });
    await registry.createRegistry("acme");
    const token = await registry.tokenFor("acme/app");
    const location = await registry.startUpload("acme/app", token);
    const standing = async () => (await registry.oci("GET", location, token)).status;
    registry.passSeconds(500);
    mustBe(202, await registry.oci("PATCH", location, token, { headers: CHUNK, body: "12345" }));
    registry.passSeconds(590);
    expect(await standing()).toBe(204);
    const store = registry.backend.stores.get(REGIONS[0]);
    const kept = async () => (await Array.fromAsync(store?.keys() ?? [])).length;
    expect(await kept()).toBe(1);

    registry.passSeconds(20);
    expect(await standing()).toBe(404);
    // What was on its way to the store has a minute to get there.
    await vi.waitFor(
      async () => {
        registry.passSeconds(30);
        expect(await kept()).toBe(0);
      },
      { timeout: 30_000 },
    );
  });

  describe("has a number of bytes", () => {
    test("that a chunk is refused by before it is read, and that what is there can still be finished in", async () => {
      const token = await start({ stagedBytes: 100 });
      const { digest, content } = aBlob("x".repeat(80));
      const location = await registry.startUpload("acme/app", token);
      mustBe(202, await registry.oci("PATCH", location, token, { headers: CHUNK, body: content }));
      const other = await registry.startUpload("acme/app", token);
      const refused = await registry.oci("PATCH", other, token, { headers: CHUNK, body: "y".repeat(21) });
      expectRefusal(refused, "would have 101 bytes, and the limit is 100");
      expect((await registry.oci("GET", other, token)).headers.range).toBe("0-0");
      const whole = await registry.oci("POST", `/v2/acme/app/blobs/uploads/?digest=${digest}`, token, {
        headers: CHUNK,
        body: content,
      });
      expectRefusal(whole, "would have 160 bytes");
      mustBe(202, await registry.oci("PATCH", other, token, { headers: CHUNK, body: "y".repeat(20) }));
      mustBe(201, await registry.oci("PUT", `${location}?digest=${digest}`, token));
    });

    test("that a stream of no known length is refused by while it flows, and what arrived is kept", async () => {
      const token = await start({ stagedBytes: 100_000 });
      const location = await registry.startUpload("acme/app", token);
      let isAnswered = false;
      async function* endless() {
        while (!isAnswered) {
          yield Buffer.alloc(256 * 1024);
          await sleep(20);
        }
      }
      const headers = { authorization: `Bearer ${token}`, ...CHUNK };
      const payload = Readable.from(endless());
      const answer = await registry.send("PATCH", location, { headers, payload });
      isAnswered = true;
      expectRefusal(answer, "and the limit is 100000");
      const range = (await registry.oci("GET", location, token)).headers.range;
      expect(Number(range?.split("-")[1])).toBeGreaterThan(99_998);
    });
  });
});
