import { type Digest, parseDigest } from "./digest.ts";
import { RegistryError } from "./errors.ts";

/** The first part of an image's path, for example `acme`. */
export type RegistryName = string & { readonly __brand: "RegistryName" };

/** A repository's name inside its registry, for example `web/api`. */
export type RepositoryName = string & { readonly __brand: "RepositoryName" };

export type TagName = string & { readonly __brand: "TagName" };

/** What an account is called in the command line and the API of its installation. */
export type AccountName = string & { readonly __brand: "AccountName" };

/** What an account's people call an API token. */
export type ApiTokenName = string & { readonly __brand: "ApiTokenName" };

/** What the data plane calls `<name>`: registry, slash, repository. */
export interface RepositoryPath {
  registry: RegistryName;
  repository: RepositoryName;
}

/** A tag or a digest, as in a URL. */
export type Reference = { tag: TagName } | { digest: Digest };

/** First path components of the management API, and words that follow a registry's place in its routes. */
export const RESERVED_REGISTRY_NAMES: ReadonlySet<string> = new Set([
  "registry",
  "registries",
  "account",
  "kubernetes",
  "subscription",
  "options",
  "validate-name",
  "docker-credentials",
  "auth",
]);

// Letters, digits and hyphens as DigitalOcean's OpenAPI description has it, but for a hyphen at either end: the
// distribution spec's grammar has no such path component, so no client could push to it.
const REGISTRY_NAME = /^[a-z0-9]+(?:-+[a-z0-9]+)*$/;
const MAX_REGISTRY_NAME = 63;

// distribution-spec, "Pulling manifests": one component of `<name>`. Components are matched one at a time, because
// the spec's whole expression takes exponential time on hostile input in a backtracking engine.
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
// Clients limit host and name together to 255; the name alone gets what a host of one character would leave.
const MAX_PATH = 253;

const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/**
 * @throws {RegistryError} NAME_INVALID
 */
export function parseRegistryName(text: string): RegistryName {
  if (text.length > MAX_REGISTRY_NAME || !REGISTRY_NAME.test(text)) {
    throw new RegistryError(
      "NAME_INVALID",
      "a registry's name has 1 to 63 lower-case letters, digits and hyphens, and begins and ends with a letter or digit",
    );
  }
  if (RESERVED_REGISTRY_NAMES.has(text)) {
    throw new RegistryError("NAME_INVALID", `the registry name ${text} is reserved: choose another`);
  }
  return text as RegistryName;
}

/**
 * @throws {RegistryError} NAME_INVALID
 */
export function parseAccountName(text: string): AccountName {
  if (text.length <= MAX_REGISTRY_NAME && REGISTRY_NAME.test(text)) return text as AccountName;
  throw new RegistryError(
    "NAME_INVALID",
    "an account's name has 1 to 63 lower-case letters, digits and hyphens, and begins and ends with a letter or digit",
  );
}

/**
 * @throws {RegistryError} NAME_INVALID
 */
export function parseApiTokenName(text: string): ApiTokenName {
  // It is printed on terminals: what could steer one is no name.
  if (/^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]{1,100}$/u.test(text) && text.trim() === text)
    return text as ApiTokenName;
  throw new RegistryError(
    "NAME_INVALID",
    "a token's name has 1 to 100 characters that can be seen, without a space at either end",
  );
}

/**
 * @throws {RegistryError} NAME_INVALID
 */
export function parseRepositoryName(text: string): RepositoryName {
  if (text.length > MAX_PATH || !text.split("/").every((component) => COMPONENT.test(component))) {
    throw new RegistryError(
      "NAME_INVALID",
      "a repository's name is made of lower-case letters and digits, separated by . _ __ or - inside a part and by / between parts",
    );
  }
  return text as RepositoryName;
}

/**
 * Parses the data plane's `<name>`.
 * @throws {RegistryError} NAME_INVALID
 */
export function parseRepositoryPath(text: string): RepositoryPath {
  if (text.length > MAX_PATH) {
    throw new RegistryError("NAME_INVALID", `an image's name has at most ${MAX_PATH} characters`);
  }
  const slash = text.indexOf("/");
  if (slash < 0) {
    throw new RegistryError(
      "NAME_INVALID",
      "an image's name has two parts at least: the registry, a slash, the repository",
    );
  }
  return {
    registry: parseRegistryName(text.slice(0, slash)),
    repository: parseRepositoryName(text.slice(slash + 1)),
  };
}

/** Whether {@link parseRepositoryPath} takes it. */
export function isRepositoryPath(text: string): boolean {
  try {
    parseRepositoryPath(text);
    return true;
  } catch (error) {
    if (error instanceof RegistryError) return false;
    throw error;
  }
}

/**
 * @throws {RegistryError} TAG_INVALID
 */
export function parseTagName(text: string): TagName {
  if (!TAG.test(text)) {
    throw new RegistryError(
      "TAG_INVALID",
      "a tag has 1 to 128 letters, digits, underscores, dots and hyphens, and does not begin with a dot or hyphen",
    );
  }
  return text as TagName;
}

/**
 * A reference with a colon is a digest; everything else is a tag.
 * @throws {RegistryError} DIGEST_INVALID, TAG_INVALID
 */
export function parseReference(text: string): Reference {
  return text.includes(":") ? { digest: parseDigest(text) } : { tag: parseTagName(text) };
}

export function presentPath({ registry, repository }: RepositoryPath): string {
  return `${registry}/${repository}`;
}
