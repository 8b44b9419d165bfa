import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type AccessContext, accessOf, requireAccess } from "../auth/access.ts";
import { type Digest, parseDigest } from "../model/digest.ts";
import { RegistryError } from "../model/errors.ts";
import { entityTag } from "../model/precondition.ts";
import { parseRange } from "../model/range.ts";
import type { Backend } from "../registry/backend.ts";
import { deleteBlob, findSmallContent, getBlob, sendBlob } from "../registry/blobs.ts";
import { matchesEtag } from "./etag.ts";
import { sendInChunks } from "./send-in-chunks.ts";

interface BlobParams {
  Params: { name: string; digest: string };
}

export function blobRoutes(app: FastifyInstance, context: AccessContext & { backend: Backend }): void {
  const { backend } = context;

  // None of these has a body; one that is sent all the same, of whatever type, is nobody's business.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _body, done) => done(null));

  // end-2: whether a blob is here. To a caller who may push, the answer is a promise.
  app.head<BlobParams>(
    "/:name/blobs/:digest",
    { onRequest: requireAccess(context, "pull") },
    async (request, reply) => {
      const digest = parseDigest(request.params.digest);
      const access = accessOf(request);

      const blob = await getBlob(backend, access, digest, { mayPush: access.actions.has("push") });

      setBlobHeaders(reply, digest);
      if (matchesEtag(request, digest)) return reply.code(304).send();
      reply.header("content-length", blob.sizeBytes);
      return reply.send();
    },
  );

  // end-2: pull a blob, or a range of it (RFC 9110 §14).
  app.get<BlobParams>(
    "/:name/blobs/:digest",
    { onRequest: requireAccess(context, "pull"), exposeHeadRoute: false },
    async (request, reply) => {
      const digest = parseDigest(request.params.digest);

      const blob = await getBlob(backend, accessOf(request), digest, { mayPush: false });
      if (matchesEtag(request, digest)) {
        setBlobHeaders(reply, digest);
        return reply.code(304).send();
      }
      const range = parseRange(requestedRange(request, digest), blob.sizeBytes);
      if (range === "unsatisfiable") {
        reply.header("content-range", `bytes */${blob.sizeBytes}`);
        throw new RegistryError(
          "RANGE_INVALID",
          `the blob has ${blob.sizeBytes} bytes: the range lies outside`,
        );
      }
      const { start, end } = range ?? { start: 0, end: blob.sizeBytes - 1 };
      // Only when there are bytes: a failure is not for a cache to keep.
      const setHeaders = () => {
        setBlobHeaders(reply, digest);
        if (range !== undefined)
          reply.code(206).header("content-range", `bytes ${start}-${end}/${blob.sizeBytes}`);
        reply.header("content-length", end - start + 1);
      };
      const content = await findSmallContent(backend, blob, digest);
      if (content === undefined)
        return sendInChunks(reply, setHeaders, (take) => sendBlob(backend, blob, { start, end }, take));
      setHeaders();
      return reply.send(content.subarray(start, end + 1));
    },
  );

  // end-10: the repository lets go of a blob.
  app.delete<BlobParams>(
    "/:name/blobs/:digest",
    { onRequest: requireAccess(context, "delete") },
    async (request, reply) => {
      const digest = parseDigest(request.params.digest);

      await deleteBlob(backend, accessOf(request), digest);

      return reply.code(202).send();
    },
  );
}

function setBlobHeaders(reply: FastifyReply, digest: Digest): void {
  reply.header("docker-content-digest", digest);
  reply.header("etag", entityTag(digest));
  reply.header("accept-ranges", "bytes");
  reply.header("cache-control", "private, max-age=31536000, immutable");
  reply.header("content-type", "application/octet-stream");
  // What somebody stored is never shown as a page of this origin.
  reply.header("content-disposition", "attachment");
  reply.header("x-content-type-options", "nosniff");
}

/** A range is asked of one version; content by digest has no other (RFC 9110 §13.1.5). */
function requestedRange(request: FastifyRequest, digest: Digest): string | undefined {
  const ifRange = request.headers["if-range"];
  return ifRange === undefined || ifRange === entityTag(digest) ? request.headers.range : undefined;
}
