import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import { apiTokenOf } from "../auth/access.ts";
import { previewTagDeletion } from "../gc/tag-deletion-preview.ts";
import { listTagNamesWith } from "../metadata/tag-pages.ts";
import { parseDigest } from "../model/digest.ts";
import { RegistryError } from "../model/errors.ts";
import { parseTagName, type TagName } from "../model/name.ts";
import type { Backend } from "../registry/backend.ts";
import { deleteManifests, deleteTags, undoTagDeletion } from "../registry/tag-deletions.ts";
import { SearchText } from "./keyset.ts";
import { Count, operation, RepositoryParams, Time } from "./operation.ts";
import { repositoryOf } from "./place.ts";
import type { ApiContext } from "./plane.ts";
import { presentTime } from "./time.ts";

const MAX_NAMED = 5000;
const MAX_MATCHING = 10_000;
const MAX_DIGESTS = 500;

const Names = Type.Array(Type.String());

/** Either the tags by name, or all whose name has a text in it, but for some. */
const Selection = Type.Object({
  tags: Type.Optional(Type.Array(Type.String(), { maxItems: MAX_NAMED })),
  matching: Type.Optional(
    Type.Object({ q: Type.String({ ...SearchText, description: "Where it is empty, all tags." }) }),
  ),
  except: Type.Optional(Type.Array(Type.String(), { maxItems: MAX_NAMED })),
});

const PreviewBody = Type.Object({
  preview: Type.Object(
    {
      tags: Count,
      tag_names: Names,
      manifests_left_untagged: Type.Array(Type.Object({ digest: Type.String(), tags: Names })),
      manifests_still_tagged: Type.Array(Type.Object({ digest: Type.String(), tags_that_stay: Names })),
      freed_bytes_by_next_collection: Type.Integer({
        minimum: 0,
        description: "What the next collection frees more than it would without this deletion.",
      }),
    },
    { title: "TagDeletionPreview" },
  ),
});

const DeletionBody = Type.Object({
  tag_deletion: Type.Object(
    {
      id: Type.String({ format: "uuid" }),
      deleted: Count,
      missing: Type.Array(Type.String(), { description: "Those that somebody else deleted first." }),
      undo_until: Time,
    },
    { title: "TagDeletion" },
  ),
});

const UndoBody = Type.Object({
  tag_deletion: Type.Object(
    {
      id: Type.String({ format: "uuid" }),
      restored: Count,
      not_restored: Type.Array(Type.Object({ tag: Type.String(), reason: Type.String() })),
    },
    { title: "UndoneTagDeletion" },
  ),
});

const DeletionParams = Type.Object({ ...RepositoryParams.properties, tag_deletion_id: Type.String() });

const ManifestSelection = Type.Object({
  digests: Type.Array(Type.String(), { minItems: 1, maxItems: MAX_DIGESTS }),
});

const ManifestDeletionBody = Type.Object({
  manifest_deletion: Type.Object(
    { deleted: Count, tags_deleted: Count, missing: Type.Array(Type.String()) },
    { title: "ManifestDeletion" },
  ),
});

const REPOSITORY = "/registries/:registry_name/repositories/:repository_name";

export function tagDeletionRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend } = context;

  app.post<{ Params: Static<typeof RepositoryParams>; Body: Static<typeof Selection> }>(
    `${REPOSITORY}/tag-deletion-preview`,
    operation(context, ["registry:read"], {
      id: "preview_tagDeletion",
      summary: "Say what deleting tags would leave, and free, without doing it",
      params: RepositoryParams,
      body: Selection,
      success: { 200: PreviewBody },
      refusals: [400, 404, 422],
    }),
    async (request): Promise<Static<typeof PreviewBody>> => {
      const selection = parseSelection(request.body);
      const { registry, repository } = await repositoryOf(backend, request);

      const names = await select(backend, repository.id, selection);
      const preview = await previewTagDeletion(backend, registry, repository.id, names);

      return {
        preview: {
          tags: preview.names.length,
          tag_names: preview.names,
          manifests_left_untagged: preview.leftUntagged,
          manifests_still_tagged: preview.stillTagged.map(({ digest, tagsThatStay }) => ({
            digest,
            tags_that_stay: tagsThatStay,
          })),
          freed_bytes_by_next_collection: preview.freedBytes,
        },
      };
    },
  );

  app.post<{ Params: Static<typeof RepositoryParams>; Body: Static<typeof Selection> }>(
    `${REPOSITORY}/tag-deletions`,
    operation(context, ["registry:delete"], {
      id: "delete_tags",
      summary: "Delete tags, and have ten seconds to undo it; their manifests stay",
      params: RepositoryParams,
      body: Selection,
      success: { 200: DeletionBody },
      refusals: [400, 404, 412, 422, 507],
    }),
    async (request): Promise<Static<typeof DeletionBody>> => {
      const selection = parseSelection(request.body);
      const { registry, repository } = await repositoryOf(backend, request);
      const place = { registry, repository: repository.name };

      const names = await select(backend, repository.id, selection);
      const deletion = await deleteTags(backend, place, repository, names, apiTokenOf(request).name);

      const { id, deleted, missing, undoUntil } = deletion;
      return { tag_deletion: { id, deleted, missing, undo_until: presentTime(undoUntil) } };
    },
  );

  app.post<{ Params: Static<typeof DeletionParams> }>(
    `${REPOSITORY}/tag-deletions/:tag_deletion_id/undo`,
    operation(context, ["registry:update"], {
      id: "undo_tagDeletion",
      summary: "Put deleted tags back, but for those that somebody has pushed since",
      params: DeletionParams,
      success: { 200: UndoBody },
      refusals: [404, 412, 507],
    }),
    async (request): Promise<Static<typeof UndoBody>> => {
      const id = parseUuid(request.params.tag_deletion_id);
      const { registry, repository } = await repositoryOf(backend, request);
      const place = { registry, repository: repository.name };

      const { name: actor } = apiTokenOf(request);
      const { restored, notRestored } = await undoTagDeletion(backend, place, repository.id, id, actor);

      const reason = "the tag has been pushed again since";
      return {
        tag_deletion: { id, restored, not_restored: notRestored.map((tag) => ({ tag, reason })) },
      };
    },
  );

  app.post<{ Params: Static<typeof RepositoryParams>; Body: Static<typeof ManifestSelection> }>(
    `${REPOSITORY}/manifest-deletions`,
    operation(context, ["registry:delete"], {
      id: "delete_manifests",
      summary: "Delete manifests, and every tag on them; it cannot be undone",
      params: RepositoryParams,
      body: ManifestSelection,
      success: { 200: ManifestDeletionBody },
      refusals: [400, 404, 412, 422, 507],
    }),
    async (request): Promise<Static<typeof ManifestDeletionBody>> => {
      const digests = [...new Set(request.body.digests.map(parseDigest))];
      const { registry, repository } = await repositoryOf(backend, request);
      const place = { registry, repository: repository.name };

      const { name: actor } = apiTokenOf(request);
      const { deleted, tagsDeleted, missing } = await deleteManifests(
        backend,
        place,
        repository,
        digests,
        actor,
      );

      return { manifest_deletion: { deleted, tags_deleted: tagsDeleted, missing } };
    },
  );
}

/** @throws {RegistryError} TAG_DELETION_UNKNOWN */
function parseUuid(text: string): string {
  if (/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)) return text;
  throw new RegistryError("TAG_DELETION_UNKNOWN", "a deletion's id is the UUID that the answer to it has");
}

type ParsedSelection = { names: TagName[] } | { q: string; except: ReadonlySet<string> };

/** @throws {RegistryError} SETTING_INVALID, TAG_INVALID */
function parseSelection({ tags, matching, except = [] }: Static<typeof Selection>): ParsedSelection {
  if (tags !== undefined && matching === undefined && except.length === 0) {
    return { names: [...new Set(tags.map(parseTagName))] };
  }
  if (matching !== undefined && tags === undefined) return { q: matching.q, except: new Set(except) };
  throw new RegistryError("SETTING_INVALID", "send either tags, or matching with or without except");
}

/** @throws {RegistryError} SETTING_INVALID, where more match than one deletion takes */
async function select({ db }: Backend, repositoryId: number, selection: ParsedSelection): Promise<TagName[]> {
  if ("names" in selection) return selection.names;
  const { q, except } = selection;
  const names = await listTagNamesWith(db, repositoryId, q, MAX_MATCHING + except.size + 1);
  const chosen = names.filter((name) => !except.has(name));
  if (chosen.length <= MAX_MATCHING) return chosen;
  throw new RegistryError(
    "SETTING_INVALID",
    `more than ${MAX_MATCHING} tags match: look for a longer text, and delete the rest after`,
  );
}
