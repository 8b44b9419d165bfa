import type { FastifyInstance } from "fastify";
import { type AccessContext, accessOf, requireAccess } from "../auth/access.ts";
import { parseDigest } from "../model/digest.ts";
import { RegistryError } from "../model/errors.ts";
import { isMediaType, OCI_INDEX } from "../model/media-type.ts";
import { presentPath } from "../model/name.ts";
import type { Backend } from "../registry/backend.ts";
import { listReferrers, type Referrer } from "../registry/referrers.ts";
import { nextLink, parseLast } from "./pages.ts";

interface ReferrersRequest {
  Params: { name: string; digest: string };
  Querystring: { artifactType?: unknown; last?: unknown };
}

export function referrerRoutes(app: FastifyInstance, context: AccessContext & { backend: Backend }): void {
  const { backend } = context;

  // end-12: what refers to a manifest, which need not be here.
  app.get<ReferrersRequest>(
    "/:name/referrers/:digest",
    { onRequest: requireAccess(context, "pull") },
    async (request, reply) => {
      const subject = parseDigest(request.params.digest);
      const artifactType = parseArtifactType(request.query.artifactType);
      const after = parseLast(request.query.last);
      const access = accessOf(request);

      const { referrers, last } = await listReferrers(backend, access, subject, { artifactType, after });

      const path = presentPath({ registry: access.registry.name, repository: access.repository });
      if (last !== undefined) {
        reply.header("link", nextLink(request, `/v2/${path}/referrers/${subject}`, { last }));
      }
      if (artifactType !== undefined) reply.header("oci-filters-applied", "artifactType");
      return reply.header("content-type", OCI_INDEX).send(Buffer.from(presentReferrers(referrers)));
    },
  );
}

function parseArtifactType(value: unknown): string | undefined {
  if (value === undefined || value === "") return undefined;
  if (typeof value === "string" && isMediaType(value)) return value;
  throw new RegistryError(
    "REQUEST_INVALID",
    "artifactType is one media type: referrers are filtered by that",
  );
}

/** An image index, whose annotations are texts of JSON already: there may be megabytes of them. */
function presentReferrers(referrers: readonly Referrer[]): string {
  const manifests = referrers.map(({ annotations, mediaType, digest, sizeBytes, artifactType }) => {
    const descriptor = JSON.stringify({
      mediaType,
      digest,
      size: sizeBytes,
      ...(artifactType === null ? {} : { artifactType }),
    });
    return annotations === "{}" ? descriptor : `${descriptor.slice(0, -1)},"annotations":${annotations}}`;
  });
  return `{"schemaVersion":2,"mediaType":"${OCI_INDEX}","manifests":[${manifests.join(",")}]}`;
}
