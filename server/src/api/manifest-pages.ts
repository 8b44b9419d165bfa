import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type Static, Type } from "typebox";
import { findConfigDigest } from "../metadata/descriptions.ts";
import { findLinkedBlob } from "../metadata/links.ts";
import {
  countManifestRows,
  listManifestRows,
  MANIFEST_FILTERS,
  type ManifestFilter,
} from "../metadata/manifest-pages.ts";
import { findManifestContent } from "../metadata/manifests.ts";
import type { Repository } from "../metadata/repositories.ts";
import { ARTIFACT_KINDS, kindOf } from "../model/artifact-kind.ts";
import { isObject } from "../model/descriptor.ts";
import { parseDigest } from "../model/digest.ts";
import { RegistryError } from "../model/errors.ts";
import { EVIDENCE_KINDS, mainKind, readEvidence } from "../model/evidence.ts";
import type { Backend } from "../registry/backend.ts";
import { MAX_CONFIG_BYTES, readWhole } from "../registry/descriptions.ts";
import {
  getManifestDetails,
  getManifestRow,
  getReferrerTree,
  type LayerView,
  type ManifestDetails,
  type ManifestView,
  type ReferrerView,
  viewManifests,
} from "../registry/manifest-views.ts";
import { invalidToken, KEYSET, parsePlace, presentNext, presentPlace, Q, sizeOf } from "./keyset.ts";
import { Count, operation, RepositoryParams, Time } from "./operation.ts";
import { LISTED } from "./pages.ts";
import { repositoryOf } from "./place.ts";
import type { ApiContext } from "./plane.ts";
import { PlatformBody, presentPlatform } from "./tag-pages.ts";
import { presentTime } from "./time.ts";

const TextOrNull = Type.Union([Type.String(), Type.Null()]);
const Texts = Type.Array(Type.String());
const TextMap = Type.Object({}, { additionalProperties: Type.String() });

const RowBody = Type.Object(
  {
    digest: Type.String(),
    media_type: Type.String(),
    artifact_type: TextOrNull,
    kind: Type.Enum([...ARTIFACT_KINDS]),
    tags: Type.Array(Type.String(), { description: "The first of them." }),
    tag_count: Count,
    parents: Type.Integer({ minimum: 0, description: "How many indexes list it." }),
    subject: TextOrNull,
    size_bytes: Count,
    platform: TextOrNull,
    pushed_at: Time,
    held_by: Type.Unsafe<"tag" | "parent" | "subject" | "lease" | null>({
      enum: ["tag", "parent", "subject", "lease", null],
      description: "What keeps it from being collected.",
    }),
  },
  { title: "ManifestRow" },
);

const LayerBody = Type.Object(
  {
    digest: Type.String(),
    media_type: Type.String(),
    size_bytes: Count,
    shared_with_images: Type.Integer({
      minimum: 0,
      description: "Other manifests of the registry that have it.",
    }),
    command: TextOrNull,
  },
  { title: "Layer" },
);

const ConfigBody = Type.Object(
  {
    digest: Type.String(),
    created: TextOrNull,
    author: TextOrNull,
    os: TextOrNull,
    architecture: TextOrNull,
    entrypoint: Texts,
    cmd: Texts,
    env: Texts,
    user: TextOrNull,
    working_dir: TextOrNull,
    exposed_ports: Texts,
    labels: TextMap,
    volumes: Texts,
  },
  { title: "ImageConfig" },
);

const HistoryBody = Type.Object(
  {
    created: TextOrNull,
    created_by: TextOrNull,
    comment: TextOrNull,
    empty_layer: Type.Boolean(),
    layer_digest: TextOrNull,
    size_bytes: Type.Union([Count, Type.Null()]),
  },
  { title: "HistoryEntry" },
);

const DetailsBody = Type.Object(
  {
    ...RowBody.properties,
    annotations: TextMap,
    platforms: Type.Array(PlatformBody),
    layers: Type.Array(LayerBody),
    unique_bytes: Type.Integer({
      minimum: 0,
      description: "Of blobs that no other manifest of the registry needs.",
    }),
    shared_bytes: Count,
    config: Type.Union([ConfigBody, Type.Null()]),
    history: Type.Array(HistoryBody),
    children: Type.Array(RowBody),
    parent_digests: Texts,
  },
  { title: "ManifestDetails" },
);

/** A tree: `children` are of the same shape, which the document does not say again. */
const ReferrerBody = Type.Object(
  {
    digest: Type.String(),
    artifact_type: TextOrNull,
    kind: Type.Enum([...EVIDENCE_KINDS, "artifact"]),
    kinds: Type.Array(Type.Enum([...EVIDENCE_KINDS]), { description: "All that it is." }),
    tool: TextOrNull,
    annotations: TextMap,
    size_bytes: Count,
    pushed_at: Time,
    children: Type.Array(Type.Object({}, { additionalProperties: true })),
  },
  { title: "ReferrerRow" },
);

const ListQuery = Type.Object({
  ...KEYSET,
  filter: Type.Optional(Type.Enum([...MANIFEST_FILTERS])),
  q: Q,
});

const ListBody = Type.Object({ manifests: Type.Array(RowBody), ...LISTED });

const ManifestParams = Type.Object({ ...RepositoryParams.properties, manifest_digest: Type.String() });
type ManifestRequest = { Params: Static<typeof ManifestParams> };

/** A document as it was pushed. */
const AnyDocument = Type.Object({}, { additionalProperties: true });

const LIST = "/registries/:registry_name/repositories/:repository_name/manifests";
const ONE = `${LIST}/:manifest_digest`;

export function manifestPageRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend, originOf } = context;
  const { db } = backend;

  app.get<{ Params: Static<typeof RepositoryParams>; Querystring: Static<typeof ListQuery> }>(
    LIST,
    operation(context, ["registry:read"], {
      id: "list_manifests",
      summary: "List a repository's manifests, newest first, with what holds each",
      params: RepositoryParams,
      querystring: ListQuery,
      success: { 200: ListBody },
      refusals: [400, 404, 422],
    }),
    async (request): Promise<Static<typeof ListBody>> => {
      const filter: ManifestFilter = request.query.filter ?? "all";
      const q = request.query.q || undefined;
      const size = sizeOf(request.query);
      const place = parsePlace(request.query, { sort: filter, order: "desc", type: "number" });
      const { registry, repository } = await repositoryOf(backend, request);

      const after = place && { pushedAt: Number(place.value), id: parseId(place.name) };
      const rows = await listManifestRows(db, repository.id, { filter, q }, { after, limit: size + 1 });
      const manifests = await viewManifests(backend, repository, rows.slice(0, size));
      const total =
        filter === "all" && q === undefined
          ? repository.manifestCount
          : await countManifestRows(db, repository.id, { filter, q });

      const last = rows.length > size ? rows[size - 1] : undefined;
      const path = `/registries/${registry.name}/repositories/${encodeURIComponent(repository.name)}/manifests`;
      return {
        manifests: manifests.map(presentRow),
        links: presentNext(
          `${originOf(request)}${app.prefix}${path}`,
          request.query,
          last && presentPlace(filter, "desc", { value: last.pushedAt, name: String(last.id) }),
        ),
        meta: { total },
      };
    },
  );

  app.get<ManifestRequest>(
    ONE,
    operation(context, ["registry:read"], {
      id: "get_manifest",
      summary: "Get a manifest: what it is made of, what it shares, its config and its history",
      params: ManifestParams,
      success: { 200: Type.Object({ manifest: DetailsBody }) },
      refusals: [404, 422],
    }),
    async (request) => {
      const digest = parseDigest(request.params.manifest_digest);
      const { repository } = await repositoryOf(backend, request);

      return { manifest: presentDetails(await getManifestDetails(backend, repository, digest)) };
    },
  );

  app.get<ManifestRequest>(
    `${ONE}/raw`,
    operation(context, ["registry:read"], {
      id: "get_manifestContent",
      summary: "Get a manifest byte for byte",
      params: ManifestParams,
      success: { 200: AnyDocument },
      refusals: [404, 422],
    }),
    async (request, reply) => {
      const { id } = await manifestOf(backend, request);

      const content = await findManifestContent(db, id);
      if (content === undefined)
        throw new RegistryError("MANIFEST_UNKNOWN", "the manifest was deleted just now");

      return sendDocument(request, reply, content);
    },
  );

  app.get<ManifestRequest>(
    `${ONE}/config`,
    operation(context, ["registry:read"], {
      id: "get_manifestConfig",
      summary: "Get the config that a manifest names, byte for byte",
      params: ManifestParams,
      success: { 200: AnyDocument },
      refusals: [404, 422],
    }),
    async (request, reply) => {
      const { repository, id } = await manifestOf(backend, request);

      const configDigest = await findConfigDigest(db, id);
      const blob = configDigest && (await findLinkedBlob(db, repository.id, configDigest));
      if (blob === undefined || blob.sizeBytes > MAX_CONFIG_BYTES) {
        throw new RegistryError(
          "BLOB_UNKNOWN",
          "the manifest has no config, or one that is too large to show",
        );
      }
      return sendDocument(request, reply, await readWhole(backend, blob));
    },
  );

  app.get<ManifestRequest>(
    `${ONE}/referrers`,
    operation(context, ["registry:read"], {
      id: "list_referrers",
      summary: "List what refers to a manifest, as a tree: signatures, SBOMs, attestations and whatever else",
      params: ManifestParams,
      success: { 200: Type.Object({ referrers: Type.Array(ReferrerBody) }) },
      refusals: [404, 422],
    }),
    async (request) => {
      const digest = parseDigest(request.params.manifest_digest);
      const { repository } = await repositoryOf(backend, request);

      return { referrers: (await getReferrerTree(backend, repository.id, digest)).map(presentReferrer) };
    },
  );
}

/**
 * The manifest that the URL names, in its repository.
 * @throws {RegistryError} DIGEST_INVALID, NAME_UNKNOWN, MANIFEST_UNKNOWN
 */
async function manifestOf(
  backend: Backend,
  request: FastifyRequest<ManifestRequest>,
): Promise<{ repository: Repository; id: number }> {
  const digest = parseDigest(request.params.manifest_digest);
  const { repository } = await repositoryOf(backend, request);
  const { id } = await getManifestRow(backend.db, repository.id, digest);
  return { repository, id };
}

function parseId(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw invalidToken();
}

/** What somebody pushed is never shown as a page of this origin. */
function sendDocument(request: FastifyRequest, reply: FastifyReply, content: Buffer): FastifyReply {
  reply.header("x-content-type-options", "nosniff");
  if (!(request.headers.accept ?? "").includes("application/json"))
    reply.header("content-disposition", "attachment");
  return reply.type("application/json").send(content);
}

function presentRow(manifest: ManifestView): Static<typeof RowBody> {
  return {
    digest: manifest.digest,
    media_type: manifest.mediaType,
    artifact_type: manifest.artifactType,
    kind: kindOf(manifest),
    tags: manifest.tags,
    tag_count: manifest.tagCount,
    parents: manifest.parents,
    subject: manifest.subject,
    size_bytes: manifest.sizeBytes,
    platform: manifest.platform,
    pushed_at: presentTime(manifest.pushedAt),
    held_by: manifest.heldBy ?? null,
  };
}

function presentDetails(details: ManifestDetails): Static<typeof DetailsBody> {
  const history = historyOf(details);
  const commands = new Map(history.map((entry) => [entry.layer_digest, entry.created_by]));
  return {
    ...presentRow(details.view),
    annotations: details.annotations,
    platforms: details.platforms.map(presentPlatform),
    layers: details.layers.map((layer) => ({
      digest: layer.digest,
      media_type: layer.mediaType,
      size_bytes: layer.sizeBytes,
      shared_with_images: layer.sharedWith,
      command: commands.get(layer.digest) ?? null,
    })),
    unique_bytes: details.uniqueBytes,
    shared_bytes: details.sharedBytes,
    config: details.config === undefined ? null : presentConfig(details.config),
    history,
    children: details.children.map(presentRow),
    parent_digests: details.parentDigests,
  };
}

/** An image's config is whatever was pushed: what is not of its type is left out (image-spec, config.md). */
function presentConfig({
  digest,
  document,
}: NonNullable<ManifestDetails["config"]>): Static<typeof ConfigBody> {
  const config = isObject(document.config) ? document.config : {};
  return {
    digest,
    created: textIn(document.created),
    author: textIn(document.author),
    os: textIn(document.os),
    architecture: textIn(document.architecture),
    entrypoint: textsIn(config.Entrypoint),
    cmd: textsIn(config.Cmd),
    env: textsIn(config.Env),
    user: textIn(config.User),
    working_dir: textIn(config.WorkingDir),
    exposed_ports: namesIn(config.ExposedPorts),
    labels: textMapIn(config.Labels),
    volumes: namesIn(config.Volumes),
  };
}

/** The steps of a build, each with the layer that it made: those that made none say so. */
function historyOf({ config, layers }: ManifestDetails): Static<typeof HistoryBody>[] {
  const entries = Array.isArray(config?.document.history) ? config.document.history.filter(isObject) : [];
  const rest: LayerView[] = [...layers];
  return entries.map((entry) => {
    const isEmpty = entry.empty_layer === true;
    const layer = isEmpty ? undefined : rest.shift();
    return {
      created: textIn(entry.created),
      created_by: textIn(entry.created_by),
      comment: textIn(entry.comment),
      empty_layer: isEmpty,
      layer_digest: layer?.digest ?? null,
      size_bytes: layer?.sizeBytes ?? null,
    };
  });
}

function presentReferrer(referrer: ReferrerView): Static<typeof ReferrerBody> {
  const evidence = readEvidence(referrer.evidence);
  return {
    digest: referrer.digest,
    artifact_type: referrer.artifactType,
    kind: mainKind(evidence),
    kinds: [...evidence.kinds],
    tool: evidence.tool ?? null,
    annotations: referrer.annotations,
    size_bytes: referrer.sizeBytes,
    pushed_at: presentTime(referrer.pushedAt),
    children: referrer.children.map(presentReferrer),
  };
}

function textIn(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function textsIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}

function namesIn(value: unknown): string[] {
  return isObject(value) ? Object.keys(value) : [];
}

function textMapIn(value: unknown): Record<string, string> {
  const entries = isObject(value) ? Object.entries(value) : [];
  return Object.fromEntries(entries.filter(([, text]) => typeof text === "string")) as Record<string, string>;
}
