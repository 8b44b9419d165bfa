/**
 * The distribution specification as a small machine: it remembers what was pushed, and says of every request what the
 * answer has to be. It is read from the specification, and from what docs/distribution-api.md says where that leaves a
 * choice; it knows nothing of how the server works. One request at a time: it has no races.
 */
import { createHash } from "node:crypto";
import { descriptorOf, imageOf, indexOf } from "../support/documents.ts";
import { type Content, contentOf, type Manifest, noise } from "../support/images.ts";
import type { Answer, Method } from "../support/registry.ts";

const sha512Of = (content: Buffer): Content => ({
  digest: `sha512:${createHash("sha512").update(content).digest("hex")}`,
  content,
});

const [config, base, top, empty] = [
  contentOf(Buffer.from("{}")),
  contentOf(noise("base", 3000)),
  sha512Of(noise("top", 700)),
  contentOf(Buffer.alloc(0)),
] as const;
/** Every blob that is pushed. */
export const BLOBS: readonly Content[] = [config, base, top, empty];

interface Pushable extends Manifest {
  blobs: readonly Content[];
  children: readonly Manifest[];
  subject?: Manifest;
  /** As a list of referrers has it; an index need not have one. */
  artifactType?: string;
}

const CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";
const SBOM_TYPE = "application/vnd.example.sbom";
/** What lists of referrers are filtered by. */
export const ARTIFACT_TYPES = [SBOM_TYPE, CONFIG_TYPE, "application/vnd.example.none"];

const small: Pushable = { ...imageOf(config, [base]), blobs: [config, base], children: [] };
const layered: Pushable = { ...imageOf(config, [base, top]), blobs: [config, base, top], children: [] };
const list: Pushable = { ...indexOf([small, layered]), blobs: [], children: [small, layered] };
const nested: Pushable = { ...indexOf([list]), blobs: [], children: [list] };
/** By its sha512, whose digest it has. */
const wide: Pushable = {
  ...imageOf(config, [top]),
  ...sha512Of(imageOf(config, [top]).content),
  blobs: [config, top],
  children: [],
};
const signature = referrerOf(small, {});
const sbom = referrerOf(small, { artifactType: SBOM_TYPE });
const signatureOfWide = referrerOf(wide, {});
/** Every manifest that is pushed. */
export const MANIFESTS: readonly Pushable[] = [
  small,
  layered,
  list,
  nested,
  signature,
  sbom,
  wide,
  signatureOfWide,
];

export const TAGS = ["latest", "v1", "V1", "1.0"];

/** Positions in the lists above; of an upload, the how-manyth that was begun. */
export type Operation =
  | { do: "begin"; repository: number; blob: number }
  | {
      do: "append";
      upload: number;
      bytes: number;
      junk: boolean;
      range: "none" | "right" | "early" | "late" | "wrong length";
    }
  | { do: "finish"; upload: number; withRest: boolean; digest: "right" | "another" | "none" | "malformed" }
  | { do: "stand"; upload: number; method: "GET" | "HEAD" }
  | { do: "cancel"; upload: number }
  | { do: "pushBlob"; repository: number; blob: number; asAnother: boolean }
  | { do: "mount"; repository: number; blob: number; from: number | undefined }
  | {
      do: "pullBlob";
      repository: number;
      blob: number;
      method: "GET" | "HEAD";
      range: { first?: number; last?: number } | undefined;
    }
  | { do: "deleteBlob"; repository: number; blob: number }
  | {
      do: "pushManifest";
      repository: number;
      manifest: number;
      tags: readonly number[];
      byDigest: boolean;
      condition: keyof typeof CONDITIONS;
    }
  | { do: "pullManifest"; repository: number; reference: Reference; method: "GET" | "HEAD" }
  | { do: "deleteManifest"; repository: number; reference: Reference }
  | { do: "listTags"; repository: number; n: number | undefined; last: number | undefined }
  | { do: "listReferrers"; repository: number; manifest: number; artifactType: number | undefined }
  | { do: "listRepositories" };

type Reference = { tag: number } | { manifest: number };

/** What a push may want of the tags that it moves, or of the manifest where it moves none (RFC 9110 §13.1). */
const CONDITIONS = {
  none: { headersFor: () => ({}), holds: () => true },
  "it is not here": {
    headersFor: () => ({ "if-none-match": "*" }),
    holds: (current) => current === undefined,
  },
  "it is here": { headersFor: () => ({ "if-match": "*" }), holds: (current) => current !== undefined },
  "it is this": {
    headersFor: ({ digest }) => ({ "if-match": `"${digest}"` }),
    holds: (current, manifest) => current === manifest,
  },
  "it is another": {
    headersFor: ({ digest }) => ({ "if-none-match": `"${digest}"` }),
    holds: (current, manifest) => current !== manifest,
  },
} satisfies Record<
  string,
  {
    headersFor: (manifest: Pushable) => Record<string, string>;
    holds: (current: Pushable | undefined, manifest: Pushable) => boolean;
  }
>;

/** A request, and what has to be true of the answer. */
export interface Exchange {
  method: Method;
  url: string;
  headers?: Record<string, string>;
  body?: Buffer;
  answer: Expected;
  /** Takes from the answer what the server alone decides. */
  learn?: (answer: Answer) => void;
}

export interface Expected {
  status: number;
  headers?: Record<string, string | undefined>;
  /** The whole body; of HEAD there is none. */
  body?: Buffer;
  json?: object;
}

interface Repository {
  name: string;
  /** Whether it takes manifests whose content is missing. */
  isSparse: boolean;
  blobs: Set<Content>;
  manifests: Set<Pushable>;
  tags: Map<string, Pushable>;
}

interface Upload {
  repository: Repository;
  /** What it is going to be. */
  blob: Content;
  received: Buffer;
  location: string;
  isOver: boolean;
}

const BYTES = { "content-type": "application/octet-stream" };

export class Specification {
  readonly #repositories: readonly Repository[];
  readonly #uploads: Upload[] = [];

  /** Repositories of one account, in which nothing is yet. */
  constructor(repositories: readonly Pick<Repository, "name" | "isSparse">[]) {
    this.#repositories = repositories.map((repository) => ({
      ...repository,
      blobs: new Set(),
      manifests: new Set(),
      tags: new Map(),
    }));
  }

  /** What an operation asks, and what is answered; it has happened then. `undefined`: there is no such upload to act on. */
  perform(operation: Operation): Exchange | undefined {
    switch (operation.do) {
      case "begin":
        return this.#begin(this.#repository(operation), at(BLOBS, operation.blob));
      case "append": {
        const upload = this.#upload(operation);
        return upload && append(upload, operation);
      }
      case "finish": {
        const upload = this.#upload(operation);
        return upload && finish(upload, operation);
      }
      case "stand": {
        const upload = this.#upload(operation);
        return (
          upload && {
            method: operation.method,
            url: upload.location,
            answer: upload.isOver ? NOT_FOUND : standing(upload, 204),
          }
        );
      }
      case "cancel": {
        const upload = this.#upload(operation);
        return upload && cancel(upload);
      }
      case "pushBlob":
        return pushBlob(
          this.#repository(operation),
          at(BLOBS, operation.blob),
          at(BLOBS, operation.blob + (operation.asAnother ? 1 : 0)),
        );
      case "mount":
        return this.#mount(this.#repository(operation), at(BLOBS, operation.blob), operation.from);
      case "pullBlob":
        return pullBlob(this.#repository(operation), at(BLOBS, operation.blob), operation);
      case "deleteBlob":
        return deleteBlob(this.#repository(operation), at(BLOBS, operation.blob));
      case "pushManifest":
        return pushManifest(this.#repository(operation), at(MANIFESTS, operation.manifest), operation);
      case "pullManifest":
        return pullManifest(this.#repository(operation), operation);
      case "deleteManifest":
        return deleteManifest(this.#repository(operation), operation.reference);
      case "listTags":
        return listTags(this.#repository(operation), operation);
      case "listReferrers":
        return listReferrers(this.#repository(operation), at(MANIFESTS, operation.manifest), operation);
      case "listRepositories":
        return listRepositories(this.#repositories);
    }
  }

  /** What every repository has to have, when all is done. */
  *lookAtAll(): Generator<Operation> {
    for (const repository of this.#repositories.keys()) {
      yield { do: "listTags", repository, n: undefined, last: undefined };
      for (const blob of BLOBS.keys())
        yield { do: "pullBlob", repository, blob, method: "GET", range: undefined };
      for (const manifest of MANIFESTS.keys()) {
        yield { do: "pullManifest", repository, reference: { manifest }, method: "GET" };
        yield { do: "listReferrers", repository, manifest, artifactType: undefined };
      }
      for (const tag of TAGS.keys())
        yield { do: "pullManifest", repository, reference: { tag }, method: "GET" };
    }
    yield { do: "listRepositories" };
    for (const upload of this.#uploads.keys()) yield { do: "stand", upload, method: "GET" };
  }

  #repository({ repository }: { repository: number }): Repository {
    return at(this.#repositories, repository);
  }

  #upload({ upload }: { upload: number }): Upload | undefined {
    return this.#uploads.length === 0 ? undefined : at(this.#uploads, upload);
  }

  #begin(repository: Repository, blob: Content, query = ""): Exchange {
    const upload: Upload = { repository, blob, received: Buffer.alloc(0), location: "", isOver: false };
    this.#uploads.push(upload);
    return {
      method: "POST",
      url: `/v2/${repository.name}/blobs/uploads/${query}`,
      answer: { status: 202, headers: { range: "0-0" } },
      learn: ({ headers }) => {
        upload.location = headers.location ?? "";
      },
    };
  }

  #mount(repository: Repository, blob: Content, from: number | undefined): Exchange {
    const sources = from === undefined ? this.#repositories : [at(this.#repositories, from)];
    const query = `?mount=${blob.digest}${from === undefined ? "" : `&from=${sources[0]?.name}`}`;
    if (!sources.some((source) => source.blobs.has(blob))) return this.#begin(repository, blob, query);
    repository.blobs.add(blob);
    const url = `/v2/${repository.name}/blobs/uploads/${query}`;
    return { method: "POST", url, answer: created(repository, blob) };
  }
}

const NOT_FOUND: Expected = { status: 404 };

function append(upload: Upload, { bytes, junk, range }: Extract<Operation, { do: "append" }>): Exchange {
  const from = upload.received.length;
  const body = junk ? Buffer.alloc(bytes, "junk") : upload.blob.content.subarray(from, from + bytes);
  const chunk: Exchange = { method: "PATCH", url: upload.location, headers: BYTES, body, answer: NOT_FOUND };
  const shift = { none: 0, right: 0, early: -1, late: 1, "wrong length": 0 }[range];
  const start = from + shift;
  // A range cannot say that it has no bytes, nor begin before all.
  const hasRange = range !== "none" && body.length > 0 && start >= 0;
  if (hasRange) {
    const end = start + body.length - (range === "wrong length" ? 0 : 1);
    chunk.headers = { ...BYTES, "content-range": `${start}-${end}` };
  }
  if (upload.isOver) return chunk;
  if (hasRange && range === "wrong length") return { ...chunk, answer: { status: 400 } };
  if (hasRange && shift !== 0) return { ...chunk, answer: standing(upload, 416) };
  upload.received = Buffer.concat([upload.received, body]);
  return { ...chunk, answer: standing(upload, 202) };
}

function finish(upload: Upload, { withRest, digest }: Extract<Operation, { do: "finish" }>): Exchange {
  const { repository, blob } = upload;
  const rest = withRest ? blob.content.subarray(upload.received.length) : Buffer.alloc(0);
  const query = {
    right: `?digest=${blob.digest}`,
    another: `?digest=${contentOf(Buffer.from("another")).digest}`,
    none: "",
    malformed: "?digest=sha256:abc",
  }[digest];
  const put: Exchange = {
    method: "PUT",
    url: upload.location + query,
    ...(rest.length > 0 ? { headers: BYTES, body: rest } : {}),
    answer: NOT_FOUND,
  };
  // What is no digest is refused before the upload is looked for, and takes nothing.
  if (digest === "none" || digest === "malformed") return { ...put, answer: { status: 400 } };
  if (upload.isOver) return put;
  const isRight = digest === "right" && Buffer.concat([upload.received, rest]).equals(blob.content);
  upload.isOver = true;
  if (!isRight) return { ...put, answer: { status: 400 } };
  repository.blobs.add(blob);
  return { ...put, answer: created(repository, blob) };
}

function cancel(upload: Upload): Exchange {
  const answer = upload.isOver ? NOT_FOUND : { status: 204 };
  upload.isOver = true;
  return { method: "DELETE", url: upload.location, answer };
}

function standing({ location, received }: Upload, status: number): Expected {
  return { status, headers: { location, range: `0-${Math.max(0, received.length - 1)}` } };
}

function created({ name }: Repository, { digest }: Content): Expected {
  return {
    status: 201,
    headers: { location: `/v2/${name}/blobs/${digest}`, "docker-content-digest": digest },
  };
}

function pushBlob(repository: Repository, { content }: Content, promised: Content): Exchange {
  const isRight = content.equals(promised.content);
  if (isRight) repository.blobs.add(promised);
  return {
    method: "POST",
    url: `/v2/${repository.name}/blobs/uploads/?digest=${promised.digest}`,
    ...(content.length > 0 ? { headers: BYTES, body: content } : {}),
    answer: isRight ? created(repository, promised) : { status: 400 },
  };
}

function pullBlob(
  { name, blobs }: Repository,
  blob: Content,
  { method, range }: Extract<Operation, { do: "pullBlob" }>,
): Exchange {
  const pull: Exchange = {
    method,
    url: `/v2/${name}/blobs/${blob.digest}`,
    ...(range === undefined ? {} : { headers: { range: `bytes=${range.first ?? ""}-${range.last ?? ""}` } }),
    answer: NOT_FOUND,
  };
  if (!blobs.has(blob)) return pull;
  // A range is of a GET alone (RFC 9110 §14.2).
  return {
    ...pull,
    answer: range === undefined || method === "HEAD" ? served(blob, 200) : partOf(blob, range),
  };
}

/** RFC 9110 §14.1.2, byte by byte: which of them the range asks for. */
function partOf(blob: Content, { first, last }: { first?: number; last?: number }): Expected {
  const size = blob.content.length;
  const asked = [...blob.content.keys()].filter((index) => {
    if (first === undefined) return last !== undefined && index >= size - last;
    return index >= first && (last === undefined || index <= last);
  });
  const [start, end] = [asked[0], asked.at(-1)];
  if (start === undefined || end === undefined) {
    return { status: 416, headers: { "content-range": `bytes */${size}` } };
  }
  const part = served({ ...blob, content: blob.content.subarray(start, end + 1) }, 206);
  return { ...part, headers: { ...part.headers, "content-range": `bytes ${start}-${end}/${size}` } };
}

function served({ digest, content }: Content, status: number): Expected {
  const headers = {
    "content-length": String(content.length),
    "docker-content-digest": digest,
    etag: `"${digest}"`,
  };
  return { status, headers, body: content };
}

function deleteBlob({ name, blobs, manifests }: Repository, blob: Content): Exchange {
  const request = { method: "DELETE" as const, url: `/v2/${name}/blobs/${blob.digest}` };
  if (!blobs.has(blob)) return { ...request, answer: NOT_FOUND };
  if (manifests.values().some((manifest) => manifest.blobs.includes(blob)))
    return { ...request, answer: { status: 405 } };
  blobs.delete(blob);
  return { ...request, answer: { status: 202 } };
}

function pushManifest(
  { name, isSparse, blobs, manifests, tags }: Repository,
  manifest: Pushable,
  operation: Extract<Operation, { do: "pushManifest" }>,
): Exchange {
  const names = [...new Set(operation.tags.map((tag) => at(TAGS, tag)))];
  // A tag alone says sha256.
  const byDigest = operation.byDigest || names.length !== 1 || manifest === wide;
  const condition = CONDITIONS[operation.condition];
  const query = names.map((tag) => `tag=${tag}`).join("&");
  const reference = byDigest ? `${manifest.digest}${query && `?${query}`}` : names[0];
  const push: Exchange = {
    method: "PUT",
    url: `/v2/${name}/manifests/${reference}`,
    headers: { "content-type": manifest.mediaType, ...condition.headersFor(manifest) },
    body: manifest.content,
    answer: { status: 400 },
  };
  const here = manifests.has(manifest) ? manifest : undefined;
  const moved = names.length > 0 ? names.map((tag) => tags.get(tag)) : [here];
  if (!moved.every((current) => condition.holds(current, manifest)))
    return { ...push, answer: { status: 412 } };
  const isWhole =
    isSparse ||
    (manifest.blobs.every((blob) => blobs.has(blob)) &&
      manifest.children.every(({ digest }) => manifests.values().some((one) => one.digest === digest)));
  // One that is here already is what it was.
  if (!isWhole && here === undefined) return push;
  manifests.add(manifest);
  for (const tag of names) tags.set(tag, manifest);
  const headers = {
    location: `/v2/${name}/manifests/${manifest.digest}`,
    "docker-content-digest": manifest.digest,
    "oci-subject": manifest.subject?.digest,
  };
  return { ...push, answer: { status: 201, headers } };
}

function pullManifest(
  repository: Repository,
  { reference, method }: Extract<Operation, { do: "pullManifest" }>,
): Exchange {
  const { name, manifest } = resolve(repository, reference);
  const request = { method, url: `/v2/${repository.name}/manifests/${name}` };
  if (manifest === undefined) return { ...request, answer: NOT_FOUND };
  const whole = served(manifest, 200);
  return {
    ...request,
    answer: { ...whole, headers: { ...whole.headers, "content-type": manifest.mediaType } },
  };
}

function deleteManifest(repository: Repository, reference: Reference): Exchange {
  const { name, manifest } = resolve(repository, reference);
  const request = { method: "DELETE" as const, url: `/v2/${repository.name}/manifests/${name}` };
  if (manifest === undefined) return { ...request, answer: NOT_FOUND };
  if ("tag" in reference) {
    repository.tags.delete(name);
  } else {
    repository.manifests.delete(manifest);
    for (const [tag, tagged] of repository.tags) if (tagged === manifest) repository.tags.delete(tag);
  }
  return { ...request, answer: { status: 202 } };
}

function resolve(
  { manifests, tags }: Repository,
  reference: Reference,
): { name: string; manifest: Pushable | undefined } {
  if ("tag" in reference) {
    const name = at(TAGS, reference.tag);
    return { name, manifest: tags.get(name) };
  }
  const manifest = at(MANIFESTS, reference.manifest);
  return { name: manifest.digest, manifest: manifests.has(manifest) ? manifest : undefined };
}

function listTags(
  { name, manifests, tags }: Repository,
  { n, last }: Extract<Operation, { do: "listTags" }>,
): Exchange {
  const after = last === undefined ? undefined : at(TAGS, last);
  const query = new URLSearchParams();
  if (n !== undefined) query.set("n", String(n));
  if (after !== undefined) query.set("last", after);
  const request = { method: "GET" as const, url: `/v2/${name}/tags/list?${query}` };
  if (manifests.size === 0) return { ...request, answer: NOT_FOUND };
  const all = [...tags.keys()].sort(inByteOrder).filter((tag) => after === undefined || tag > after);
  const page = all.slice(0, n);
  const link =
    page.length > 0 && page.length < all.length
      ? `</v2/${name}/tags/list?n=${n}&last=${page.at(-1)}>; rel="next"`
      : undefined;
  return { ...request, answer: { status: 200, headers: { link }, json: { name, tags: page } } };
}

function listReferrers(
  { name, manifests }: Repository,
  { digest }: Manifest,
  { artifactType: wanted }: Extract<Operation, { do: "listReferrers" }>,
): Exchange {
  const type = wanted === undefined ? undefined : at(ARTIFACT_TYPES, wanted);
  const referrers = [...manifests]
    .filter(({ subject }) => subject?.digest === digest)
    .filter(({ artifactType }) => type === undefined || artifactType === type)
    .sort((one, other) => inByteOrder(one.digest, other.digest));
  return {
    method: "GET",
    url: `/v2/${name}/referrers/${digest}${type === undefined ? "" : `?artifactType=${encodeURIComponent(type)}`}`,
    answer: {
      status: 200,
      headers: {
        "content-type": "application/vnd.oci.image.index.v1+json",
        "oci-filters-applied": type === undefined ? undefined : "artifactType",
      },
      json: {
        schemaVersion: 2,
        manifests: referrers.map(({ mediaType, digest, content, artifactType }) => ({
          mediaType,
          digest,
          size: content.length,
          artifactType,
        })),
      },
    },
  };
}

/** Those that have a manifest. */
function listRepositories(repositories: readonly Repository[]): Exchange {
  const names = repositories.filter(({ manifests }) => manifests.size > 0).map(({ name }) => name);
  const json = { repositories: names.sort(inByteOrder) };
  return { method: "GET", url: "/v2/_catalog", answer: { status: 200, json } };
}

/** A signature, or whatever else refers to a manifest. */
function referrerOf(subject: Manifest, rest: { artifactType?: string }): Pushable {
  return {
    ...imageOf(config, [empty], { subject: descriptorOf(subject, subject.mediaType), ...rest }),
    blobs: [config, empty],
    children: [],
    subject,
    artifactType: rest.artifactType ?? CONFIG_TYPE,
  };
}

function inByteOrder(one: string, other: string): number {
  return one < other ? -1 : 1;
}

function at<T>(list: readonly T[], position: number): T {
  return list[position % list.length] as T;
}
