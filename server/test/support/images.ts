import { createCipheriv, createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

// OCI images made of nothing: the same arguments always give the same bytes.

export interface Content {
  digest: string;
  content: Buffer;
}

export interface Manifest extends Content {
  mediaType: string;
}

export interface Platform {
  os: string;
  architecture: string;
  variant?: string;
}

export interface Image {
  /** The config, then the layers from the bottom up. */
  blobs: Content[];
  manifest: Manifest;
  platform: Platform;
}

export interface Index {
  images: Image[];
  manifest: Manifest;
}

const MEDIA_TYPES = {
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
};

const EPOCH = "1970-01-01T00:00:00Z";

/** An image whose layers each hold one file of `layerBytes` bytes that do not compress. Another seed, other blobs. */
export function anImage({
  layers = 1,
  layerBytes = 1024,
  seed = 1,
  platform = { os: "linux", architecture: "amd64" },
}: {
  layers?: number;
  layerBytes?: number;
  seed?: number;
  platform?: Platform;
} = {}): Image {
  const tars = Array.from({ length: layers }, (_, position) =>
    aTar(`layer-${position + 1}.bin`, noise(`${seed}/${position}`, layerBytes)),
  );
  // Level 0: noise gets no smaller, and large layers are wanted quickly.
  const layerBlobs = tars.map((tar) => contentOf(gzipSync(tar, { level: 0 })));
  const config = contentOf(
    json({
      created: EPOCH,
      ...platform,
      config: { Labels: { seed: String(seed) } },
      rootfs: { type: "layers", diff_ids: tars.map(sha256) },
      history: tars.map((_, position) => ({ created: EPOCH, created_by: `layer ${position + 1}` })),
    }),
  );
  const manifest = contentOf(
    json({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.manifest,
      config: descriptorOf(config, MEDIA_TYPES.config),
      layers: layerBlobs.map((layer) => descriptorOf(layer, MEDIA_TYPES.layer)),
    }),
  );
  return {
    blobs: [config, ...layerBlobs],
    manifest: { ...manifest, mediaType: MEDIA_TYPES.manifest },
    platform,
  };
}

/** An index of images, each under its platform. */
export function anIndex(images: Image[]): Index {
  const manifest = contentOf(
    json({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.index,
      manifests: images.map((image) => ({
        ...descriptorOf(image.manifest, image.manifest.mediaType),
        platform: image.platform,
      })),
    }),
  );
  return { images, manifest: { ...manifest, mediaType: MEDIA_TYPES.index } };
}

/** An index of an image for amd64 and one for arm64, in this order. */
export function anIndexOfTwo(): Index {
  return anIndex([
    anImage({ layers: 2, seed: 2 }),
    anImage({ layers: 2, seed: 3, platform: { os: "linux", architecture: "arm64", variant: "v8" } }),
  ]);
}

/** Writes an OCI image layout with one tag in it, which clients read as `oci:DIR:TAG`. */
export async function writeOciLayout(dir: string, content: Image | Index, tag: string): Promise<void> {
  const blobs = join(dir, "blobs", "sha256");
  await mkdir(blobs, { recursive: true });
  for (const { digest, content: bytes } of contentsOf(content)) {
    await writeFile(join(blobs, digest.slice("sha256:".length)), bytes);
  }
  await writeFile(join(dir, "oci-layout"), json({ imageLayoutVersion: "1.0.0" }));
  await writeFile(
    join(dir, "index.json"),
    json({
      schemaVersion: 2,
      mediaType: MEDIA_TYPES.index,
      manifests: [
        {
          ...descriptorOf(content.manifest, content.manifest.mediaType),
          annotations: { "org.opencontainers.image.ref.name": tag },
        },
      ],
    }),
  );
}

/** The digest of the bytes of each blob in an OCI image layout, by the digest that it is filed under. */
export function blobsOf(layout: string): Map<string, string> {
  const folder = join(layout, "blobs", "sha256");
  const names = readdirSync(folder);
  return new Map(names.map((name) => [`sha256:${name}`, sha256(readFileSync(join(folder, name)))]));
}

/** What {@link blobsOf} finds in a layout with this image or index, whole, and nothing else. */
export function filesOf(content: Image | Index): Map<string, string> {
  return new Map(contentsOf(content).map(({ digest }) => [digest, digest]));
}

function contentsOf(content: Image | Index): Content[] {
  const images = "images" in content ? content.images : [content];
  return [content.manifest, ...images.flatMap((image) => [image.manifest, ...image.blobs])];
}

/** Bytes under their sha256 digest. */
export function contentOf(content: Buffer): Content {
  return { digest: sha256(content), content };
}

/** Bytes that look random, the same for the same name. */
export function noise(name: string, length: number): Buffer {
  const key = createHash("sha256").update(name).digest();
  return createCipheriv("aes-256-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

function descriptorOf({ digest, content }: Content, mediaType: string) {
  return { mediaType, digest, size: content.length };
}

function sha256(content: Buffer): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

const TAR_BLOCK = 512;

/** A tar archive (ustar) with one file in it. */
function aTar(name: string, content: Buffer): Buffer {
  const octal = (value: number, length: number) => `${value.toString(8).padStart(length - 1, "0")}\0`;

  const header = Buffer.alloc(TAR_BLOCK);
  header.write(name, 0);
  header.write(octal(0o644, 8), 100); // mode
  header.write(octal(0, 8), 108); // uid
  header.write(octal(0, 8), 116); // gid
  header.write(octal(content.length, 12), 124);
  header.write(octal(0, 12), 136); // mtime
  header.write(" ".repeat(8), 148); // the checksum counts itself as spaces
  header.write("0", 156); // a regular file
  header.write("ustar\x0000", 257);
  const checksum = header.reduce((sum, byte) => sum + byte, 0);
  header.write(`${octal(checksum, 7)} `, 148);

  const padding = Buffer.alloc((TAR_BLOCK - (content.length % TAR_BLOCK)) % TAR_BLOCK);
  return Buffer.concat([header, content, padding, Buffer.alloc(2 * TAR_BLOCK)]);
}
