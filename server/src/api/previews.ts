import type { FastifyInstance } from "fastify";
import { type Static, Type } from "typebox";
import { type Preview, previewGarbageCollection } from "../gc/preview.ts";
import { GARBAGE_COLLECTION_TYPES, type GarbageCollectionType } from "../model/garbage-collection.ts";
import { Count, operation, RegistryParams, Time } from "./operation.ts";
import { LISTED, type Page, PageQuery, parsePage, presentLinks } from "./pages.ts";
import { registryOf } from "./place.ts";
import type { ApiContext } from "./plane.ts";
import { presentTime } from "./time.ts";

/** How many repositories, the largest first, a preview names. */
const LARGEST = 10;

const PreviewRequest = Type.Object({ type: Type.Optional(Type.Enum(GARBAGE_COLLECTION_TYPES)) });

const TimeOrNull = Type.Union([Time, Type.Null()]);

const PreviewBody = Type.Object(
  {
    type: Type.Enum(GARBAGE_COLLECTION_TYPES),
    manifests_deleted: Count,
    blobs_deleted: Count,
    freed_bytes: Count,
    repositories: Type.Array(
      Type.Object({ name: Type.String(), manifests: Count, blobs: Count, bytes: Count }),
      {
        description: "The largest.",
      },
    ),
    manifests: Type.Array(
      Type.Object({
        repository: Type.String(),
        digest: Type.String(),
        compressed_size_bytes: Count,
        updated_at: Time,
      }),
      { description: "A page of those that a run would delete." },
    ),
    held: Type.Object(
      {
        manifests: Count,
        blobs: Count,
        bytes: Count,
        until: TimeOrNull,
        write_tokens: Count,
        last_write_token_expires_at: TimeOrNull,
        open_uploads: Count,
      },
      { description: "What recent pushes keep." },
    ),
  },
  { title: "GarbageCollectionPreview" },
);

const ListBody = Type.Object({ preview: PreviewBody, ...LISTED });

export function previewRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend, originOf } = context;

  app.post<{
    Params: Static<typeof RegistryParams>;
    Querystring: Static<typeof PageQuery>;
    Body: Static<typeof PreviewRequest>;
  }>(
    "/registries/:registry_name/garbage-collection-preview",
    operation(context, ["registry:read"], {
      id: "preview_garbageCollection",
      summary: "Say what a garbage collection would delete and free now, without running it",
      params: RegistryParams,
      querystring: PageQuery,
      body: PreviewRequest,
      success: { 200: ListBody },
      refusals: [400, 404, 422],
    }),
    async (request): Promise<Static<typeof ListBody>> => {
      const { type = "unreferenced blobs only" } = request.body;
      const page = parsePage(request.query);
      const registry = await registryOf(backend, request);

      const preview = await previewGarbageCollection(backend, registry, type);

      const url = `${originOf(request)}/api/v1/registries/${registry.name}/garbage-collection-preview`;
      return {
        preview: presentPreview(type, preview, page),
        links: presentLinks(url, page, preview.manifests.length),
        meta: { total: preview.manifests.length },
      };
    },
  );
}

function presentPreview(
  type: GarbageCollectionType,
  preview: Preview,
  { offset, size }: Page,
): Static<typeof PreviewBody> {
  const { held } = preview;
  return {
    type,
    manifests_deleted: preview.manifests.length,
    blobs_deleted: preview.blobs,
    freed_bytes: preview.freedBytes,
    repositories: preview.repositories.slice(0, LARGEST),
    manifests: preview.manifests.slice(offset, offset + size).map((manifest) => ({
      repository: manifest.repository,
      digest: manifest.digest,
      compressed_size_bytes: manifest.compressedSizeBytes,
      updated_at: presentTime(manifest.updatedAt),
    })),
    held: {
      manifests: held.manifests,
      blobs: held.blobs,
      bytes: held.bytes,
      until: held.until === undefined ? null : presentTime(held.until),
      write_tokens: held.writeTokens,
      last_write_token_expires_at:
        held.lastWriteTokenExpiresAt === undefined ? null : presentTime(held.lastWriteTokenExpiresAt),
      open_uploads: held.uploads,
    },
  };
}
