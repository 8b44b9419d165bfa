import { RegistryError } from "./errors.ts";

/** `algorithm:hex`, checked. */
export type Digest = string & { readonly __brand: "Digest" };

/** The algorithms whose content is accepted, and the length of their hexadecimal form. */
const HEX_LENGTH = { sha256: 64, sha512: 128 } as const;

export type DigestAlgorithm = keyof typeof HEX_LENGTH;

// image-spec, descriptor.md, "Digests".
const GRAMMAR = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/;
const MAX_LENGTH = 255;

/**
 * Parses a digest whose content this server can hold.
 * @throws {RegistryError} DIGEST_INVALID
 */
export function parseDigest(text: string): Digest {
  const colon = text.indexOf(":");
  const hex = text.slice(colon + 1);
  if (text.length > MAX_LENGTH || colon < 1 || !GRAMMAR.test(text)) {
    throw new RegistryError(
      "DIGEST_INVALID",
      "a digest is an algorithm, a colon and a hash in lower-case hexadecimal",
    );
  }
  const algorithm = parseDigestAlgorithm(text.slice(0, colon));
  if (hex.length !== HEX_LENGTH[algorithm] || !/^[0-9a-f]+$/.test(hex)) {
    throw new RegistryError(
      "DIGEST_INVALID",
      `a ${algorithm} digest has ${HEX_LENGTH[algorithm]} lower-case hexadecimal digits after the colon`,
    );
  }
  return text as Digest;
}

/**
 * @throws {RegistryError} DIGEST_INVALID
 */
export function parseDigestAlgorithm(text: string): DigestAlgorithm {
  if (isDigestAlgorithm(text)) return text;
  throw new RegistryError(
    "DIGEST_INVALID",
    `the digest algorithm ${text} is not supported: use sha256 or sha512`,
  );
}

/** Whether {@link parseDigest} takes it. */
export function isDigest(text: string): text is Digest {
  try {
    parseDigest(text);
    return true;
  } catch (error) {
    if (error instanceof RegistryError) return false;
    throw error;
  }
}

/** The digest of finished hash `hex` in `algorithm`. */
export function digestOf(algorithm: DigestAlgorithm, hex: string): Digest {
  return parseDigest(`${algorithm}:${hex}`);
}

export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.slice(0, digest.indexOf(":")) as DigestAlgorithm;
}

function isDigestAlgorithm(text: string): text is DigestAlgorithm {
  return Object.hasOwn(HEX_LENGTH, text);
}
