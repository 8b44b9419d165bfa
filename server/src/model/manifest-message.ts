/**
 * A parsed manifest on its way between threads. Each object that is sent costs more to copy than it cost to parse, and
 * a manifest of 4 MiB has tens of thousands of descriptors: they travel as columns.
 */
import type { Descriptor } from "./descriptor.ts";
import type { Digest, DigestAlgorithm } from "./digest.ts";
import type { ErrorCode } from "./errors.ts";
import type { Manifest } from "./manifest.ts";

/** What is asked of the thread that parses. */
export interface ParseRequest {
  content: Uint8Array;
  contentType: string | undefined;
  algorithm: DigestAlgorithm;
}

/** What it answers. A refusal's class and stack do not travel. */
export type ParseAnswer =
  | { manifest: ManifestMessage }
  | { refusal: { code: ErrorCode; message: string; detail: unknown } };

/** All of a manifest but its bytes, which who asks has. */
export type ManifestMessage = Omit<Manifest, "content" | "blobs" | "children"> & {
  blobs: DescriptorColumns;
  children: DescriptorColumns;
};

interface DescriptorColumns {
  mediaTypes: string[];
  digests: Digest[];
  sizes: Float64Array;
  /** Of the few that have any, by position. */
  urls: ReadonlyMap<number, readonly string[]>;
  platforms: (string | undefined)[];
  attests: (Digest | undefined)[];
}

export function toMessage({ content: _, blobs, children, ...rest }: Manifest): ManifestMessage {
  return { ...rest, blobs: toColumns(blobs), children: toColumns(children) };
}

export function fromMessage({ blobs, children, ...rest }: ManifestMessage, content: Buffer): Manifest {
  return { ...rest, content, blobs: fromColumns(blobs), children: fromColumns(children) };
}

function toColumns(descriptors: readonly Descriptor[]): DescriptorColumns {
  return {
    mediaTypes: descriptors.map(({ mediaType }) => mediaType),
    digests: descriptors.map(({ digest }) => digest),
    sizes: Float64Array.from(descriptors, ({ sizeBytes }) => sizeBytes),
    urls: new Map(
      descriptors.flatMap(({ urls }, position) => (urls.length === 0 ? [] : [[position, urls] as const])),
    ),
    platforms: descriptors.map(({ platform }) => platform),
    attests: descriptors.map(({ attests }) => attests),
  };
}

function fromColumns({
  mediaTypes,
  digests,
  sizes,
  urls,
  platforms,
  attests,
}: DescriptorColumns): Descriptor[] {
  return digests.map((digest, position) => ({
    mediaType: mediaTypes[position] as string,
    digest,
    sizeBytes: sizes[position] as number,
    urls: urls.get(position) ?? [],
    platform: platforms[position],
    attests: attests[position],
  }));
}
