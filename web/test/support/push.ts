import { createHash } from "node:crypto";
import type { Image, Index, Manifest } from "../../../server/test/support/images.ts";
import type { ServedRegistry } from "../../../server/test/support/served-registry.ts";

/** Pushes an image or an index with all that it needs, under these tags. */
export async function push(
  registry: ServedRegistry,
  repository: string,
  content: Image | Index,
  ...tags: readonly string[]
): Promise<void> {
  const client = await connect(registry, repository);
  const images = "images" in content ? content.images : [content];
  for (const image of images) {
    for (const blob of image.blobs) await client.putBlob(blob.content, blob.digest);
    if (image !== content) await client.putManifest(image.manifest, image.manifest.digest);
  }
  await eachOf(tags, (tag) => client.putManifest(content.manifest, tag));
}

/** Pushes a manifest that refers to another: an SBOM, a signature. */
export async function pushReferrer(
  registry: ServedRegistry,
  repository: string,
  subject: Manifest,
  artifactType: string,
): Promise<void> {
  const client = await connect(registry, repository);
  const empty = Buffer.from("{}");
  await client.putBlob(empty, digestOf(empty));
  const descriptor = {
    mediaType: "application/vnd.oci.empty.v1+json",
    digest: digestOf(empty),
    size: empty.length,
  };
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const content = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType,
      artifactType,
      config: descriptor,
      layers: [descriptor],
      subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.content.length },
    }),
  );
  await client.putManifest({ mediaType, content }, digestOf(content));
}

async function connect(registry: ServedRegistry, repository: string) {
  const headers = await registry.authorized(repository, "pull,push");
  const base = `${registry.server.origin}/v2/${repository}`;
  return {
    async putBlob(content: Buffer, digest: string): Promise<void> {
      const url = `${base}/blobs/uploads/?digest=${digest}`;
      await mustBeCreated(
        await fetch(url, {
          method: "POST",
          headers: { ...headers, "content-type": "application/octet-stream" },
          body: new Uint8Array(content),
        }),
      );
    },
    async putManifest({ mediaType, content }: Pick<Manifest, "mediaType" | "content">, reference: string) {
      await mustBeCreated(
        await fetch(`${base}/manifests/${reference}`, {
          method: "PUT",
          headers: { ...headers, "content-type": mediaType },
          body: new Uint8Array(content),
        }),
      );
    },
  };
}

const AT_ONCE = 16;

async function eachOf(items: readonly string[], act: (item: string) => Promise<void>): Promise<void> {
  const rest = items.values();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (const item of rest) await act(item);
    }),
  );
}

async function mustBeCreated(answer: Response): Promise<void> {
  const text = await answer.text();
  if (answer.status !== 201) throw new Error(`${answer.url} was answered with ${answer.status}: ${text}`);
}

function digestOf(content: Buffer): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}
