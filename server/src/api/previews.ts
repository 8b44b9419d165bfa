import type { FastifyInstance } from "fastify";
import type { Static } from "typebox";
import { requireScope } from "../auth/access.ts";
import { type Preview, previewGarbageCollection } from "../gc/preview.ts";
import { GARBAGE_COLLECTION_TYPES, type GarbageCollectionType } from "../model/garbage-collection.ts";
import { oneOf, parseObject } from "./bodies.ts";
import { type Page, PageQuery, parsePage, presentLinks } from "./pages.ts";
import { registryOf } from "./place.ts";
import type { ApiContext } from "./plane.ts";
import { presentTime } from "./time.ts";

/** How many repositories, the largest first, a preview names. */
const LARGEST = 10;

export function previewRoutes(app: FastifyInstance, context: ApiContext): void {
  const { backend, originOf } = context;

  // What a run would delete and free now, without running it; a page of the manifests.
  app.post<{ Params: { registry_name: string }; Body: unknown; Querystring: Static<typeof PageQuery> }>(
    "/registries/:registry_name/garbage-collection-preview",
    { onRequest: requireScope(context, "registry:read"), schema: { querystring: PageQuery } },
    async (request) => {
      const { type: wanted = "unreferenced blobs only" } = parseObject(request.body);
      const type = oneOf(wanted, GARBAGE_COLLECTION_TYPES, "type");
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

function presentPreview(type: GarbageCollectionType, preview: Preview, { offset, size }: Page): object {
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
