import { expect, test } from "vitest";
import { anImage, type Image } from "./support/images.ts";
import { describeOnBothDatabases, mustBe, startRegistry, type TestRegistry } from "./support/registry.ts";

async function usage(registry: TestRegistry): Promise<number> {
  return (await registry.api("GET", "/v2/registry")).json.registry.storage_usage_bytes;
}

function bytesOf(...images: Image[]): number {
  const sizes = new Map(
    images.flatMap(({ blobs }) => blobs.map(({ digest, content }) => [digest, content.length])),
  );
  return sizes.values().reduce((sum, size) => sum + size, 0);
}

describeOnBothDatabases("storage_usage_bytes", (database) => {
  // Nothing is folded into the counter here: what is answered has to be right all the same.
  test.each([true, false])(
    "counts each blob once, and is exact in the next answer (background work: %s)",
    async (background) => {
      await using registry = await startRegistry({ database, background });
      const [one, two] = [anImage({ seed: 1, layers: 2 }), anImage({ seed: 2, layers: 2 })];
      await registry.push("acme/app", one, "v1");
      expect(await usage(registry)).toBe(bytesOf(one));
      await registry.push("acme/app", one, "v2");
      await registry.push("acme/other", one, "v1");
      expect(await usage(registry)).toBe(bytesOf(one));
      await registry.push("acme/other", two, "v1");
      expect(await usage(registry)).toBe(bytesOf(one, two));

      const [config, layer] = two.blobs;
      const scopes = ["repository:acme/app:pull,push,delete", "repository:acme/other:pull,push,delete"];
      const { token } = (await registry.askForToken(scopes)).json;
      const mount = `/v2/acme/app/blobs/uploads/?mount=${layer?.digest}&from=acme/other`;
      mustBe(201, await registry.oci("POST", mount, token));
      expect(await usage(registry)).toBe(bytesOf(one, two));
      mustBe(202, await registry.oci("DELETE", `/v2/acme/app/blobs/${layer?.digest}`, token));
      expect(await usage(registry)).toBe(bytesOf(one, two));

      // A blob that no manifest needs any more counts until it is deleted.
      const manifest = `/v2/registry/acme/repositories/other/digests/${two.manifest.digest}`;
      mustBe(204, await registry.api("DELETE", manifest));
      expect(await usage(registry)).toBe(bytesOf(one, two));
      mustBe(202, await registry.oci("DELETE", `/v2/acme/other/blobs/${config?.digest}`, token));
      expect(await usage(registry)).toBe(bytesOf(one, two) - (config?.content.length ?? 0));
    },
  );
});
