import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import {
  type AccessContext,
  accessOf,
  findMountSource,
  listReadableRegistries,
  requireAccess,
  requireUploadAccess,
  uploaderOf,
} from "../auth/access.ts";
import { findLinkedBlob, type LinkedBlob } from "../metadata/links.ts";
import { findRepositoryWithBlob } from "../metadata/repositories.ts";
import type { UploadSession } from "../metadata/upload-sessions.ts";
import {
  type Digest,
  type DigestAlgorithm,
  digestAlgorithm,
  parseDigest,
  parseDigestAlgorithm,
} from "../model/digest.ts";
import { RegistryError } from "../model/errors.ts";
import { parseRepositoryPath, presentPath } from "../model/name.ts";
import { parseContentRange } from "../model/range.ts";
import { parseUploadId } from "../model/upload-id.ts";
import type { Backend } from "../registry/backend.ts";
import { mountBlob, type Place } from "../registry/blobs.ts";
import {
  type Arriving,
  appendToUpload,
  cancelUpload,
  commitUpload,
  getUpload,
  startUpload,
  uploadAtOnce,
} from "../registry/uploads.ts";

interface StartRequest {
  Params: { name: string };
  Querystring: { mount?: unknown; from?: unknown; digest?: unknown } & Announced;
}

interface SessionRequest {
  Params: { name: string; id: string };
  Querystring: { digest?: unknown } & Announced;
}

/** The algorithm of the digest that an upload is going to have: it is hashed in that as it passes. */
interface Announced {
  "digest-algorithm"?: unknown;
}

type UploadContext = AccessContext & { backend: Backend };

export function uploadRoutes(app: FastifyInstance, context: UploadContext): void {
  const { backend } = context;

  // Bytes of a blob stream from the socket to the store, whatever the client calls them, be it no media type at all.
  app.addHook("onRequest", ({ headers }, _reply, done) => {
    if (headers["content-type"] !== undefined) headers["content-type"] = "application/octet-stream";
    done();
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, body, done) => done(null, body));

  // end-4a to 4c, end-11: begin an upload; with all its bytes; of another digest than sha256; or link what another
  // repository has.
  app.post<StartRequest>(
    "/:name/blobs/uploads/",
    { onRequest: requireAccess(context, "push") },
    async (request, reply) => {
      const access = accessOf(request);
      const { mount, from, digest: wholeDigest } = request.query;
      const announced = parseAnnounced(request.query);

      const mounted = await tryMount(context, request, reply, { mount, from });
      if (mounted !== undefined) return answerCommitted(reply, access, mounted);
      if (wholeDigest !== undefined) {
        const digest = parseQueryDigest(wholeDigest);
        const body = request.body as Readable | undefined;
        await uploadAtOnce(backend, access, uploaderOf(request), body, parseArriving(request), digest);
        return answerCommitted(reply, access, digest);
      }
      const session = await startUpload(backend, access, uploaderOf(request));

      setSessionHeaders(reply, access, session, announced);
      return reply.code(202).send();
    },
  );

  // end-5: append a chunk, or all bytes as a stream.
  app.patch<SessionRequest>(
    "/:name/blobs/uploads/:id",
    { onRequest: requireUploadAccess(context) },
    async (request, reply) => {
      const access = accessOf(request);
      const announced = parseAnnounced(request.query);
      const session = await getUpload(backend, access, uploaderOf(request), parseUploadId(request.params.id));

      // A refused chunk is answered with where the session stands.
      setSessionHeaders(reply, access, session, announced);
      const appended = await appendBody(backend, request, session, announced);

      setSessionHeaders(reply, access, appended, announced);
      return reply.code(202).send();
    },
  );

  // end-6: append what is left, and make the bytes a blob.
  app.put<SessionRequest>(
    "/:name/blobs/uploads/:id",
    { onRequest: requireUploadAccess(context) },
    async (request, reply) => {
      const access = accessOf(request);
      const digest = parseQueryDigest(request.query.digest);
      const announced = parseAnnounced(request.query);
      const session = await getUpload(backend, access, uploaderOf(request), parseUploadId(request.params.id));

      setSessionHeaders(reply, access, session, announced);
      const filled = await appendBody(backend, request, session, digestAlgorithm(digest));
      await commitUpload(backend, filled, digest);

      return answerCommitted(reply, access, digest);
    },
  );

  // end-13: how far the upload got.
  app.get<SessionRequest>(
    "/:name/blobs/uploads/:id",
    { onRequest: requireUploadAccess(context) },
    async (request, reply) => {
      const access = accessOf(request);
      const announced = parseAnnounced(request.query);

      const session = await getUpload(backend, access, uploaderOf(request), parseUploadId(request.params.id));

      setSessionHeaders(reply, access, session, announced);
      return reply.code(204).send();
    },
  );

  // end-14: give the upload up.
  app.delete<SessionRequest>(
    "/:name/blobs/uploads/:id",
    { onRequest: requireUploadAccess(context) },
    async (request, reply) => {
      const access = accessOf(request);
      const session = await getUpload(backend, access, uploaderOf(request), parseUploadId(request.params.id));

      await cancelUpload(backend, session);

      return reply.code(204).send();
    },
  );
}

/** Appends the request's body, if it has one, where its `Content-Range` says. */
async function appendBody(
  backend: Backend,
  request: FastifyRequest,
  session: UploadSession,
  algorithm: DigestAlgorithm,
): Promise<UploadSession> {
  const arriving = parseArriving(request);
  const body = request.body as Readable | undefined;
  if (body === undefined) return session;
  const { accountId } = accessOf(request).registry;
  return appendToUpload(backend, session, body, accountId, { ...arriving, algorithm });
}

/** How much a request brings, and where a chunk says that it starts (distribution-spec, "Pushing a blob in chunks"). */
function parseArriving(request: FastifyRequest): Arriving {
  const { "content-range": header, "content-length": announced } = request.headers;
  const length = announced === undefined ? undefined : Number(announced);
  if (header === undefined) return { startsAt: undefined, length };
  const range = parseContentRange(header);
  if (range === undefined) {
    throw new RegistryError(
      "BLOB_UPLOAD_INVALID",
      "a chunk's Content-Range is <first byte>-<last byte>, without a unit, for example 0-1023",
    );
  }
  if (length === undefined) {
    throw new RegistryError("SIZE_INVALID", "a chunk with a Content-Range says its Content-Length too");
  }
  if (length !== range.end - range.start + 1) {
    throw new RegistryError("SIZE_INVALID", `the Content-Range ${header} is not ${announced} bytes long`);
  }
  return { startsAt: range.start, length };
}

function parseQueryDigest(value: unknown): Digest {
  if (typeof value !== "string") {
    throw new RegistryError("DIGEST_INVALID", "the request needs one digest parameter: ?digest=sha256:…");
  }
  return parseDigest(value);
}

/** Where nobody says, sha256: by another digest the bytes are then read once more. */
function parseAnnounced({ "digest-algorithm": algorithm }: Announced): DigestAlgorithm {
  return algorithm === undefined ? "sha256" : parseDigestAlgorithm(String(algorithm));
}

/**
 * The blob that was mounted. Where it was not, whatever the reason, the answer is the same: the client uploads.
 * @throws {RegistryError} UNAUTHORIZED where another token would do
 */
async function tryMount(
  context: UploadContext,
  request: FastifyRequest,
  reply: FastifyReply,
  { mount, from }: { mount?: unknown; from?: unknown },
): Promise<Digest | undefined> {
  const digest = known(() => parseQueryDigest(mount));
  if (digest === undefined) return undefined;
  const blob =
    from === undefined
      ? await findBlobAnywhere(context, request, reply, digest)
      : await findBlobFrom(context, request, reply, from, digest);
  if (blob === undefined) return undefined;
  return (await mountBlob(context.backend, blob, accessOf(request), digest)) ? digest : undefined;
}

/** The blob in the repository that is named, where the token may pull there. */
async function findBlobFrom(
  context: UploadContext,
  request: FastifyRequest,
  reply: FastifyReply,
  from: unknown,
  digest: Digest,
): Promise<LinkedBlob | undefined> {
  const path = known(() => parseRepositoryPath(String(from)));
  if (path === undefined) return undefined;
  const source = await findMountSource(context, request, reply, path);
  return source && findLinkedBlob(context.backend.db, source.id, digest);
}

/** The blob in whichever repository has it: one that the token may pull from, or else one that another token may. */
async function findBlobAnywhere(
  context: UploadContext,
  request: FastifyRequest,
  reply: FastifyReply,
  digest: Digest,
): Promise<LinkedBlob | undefined> {
  const { credential, token, registry } = accessOf(request);
  for (const { name, actions } of token?.access ?? []) {
    if (!actions.includes("pull")) continue;
    const blob = await findBlobFrom(context, request, reply, name, digest);
    if (blob?.region === registry.region) return blob;
  }
  const registries = await listReadableRegistries(context, credential);
  const path = await findRepositoryWithBlob(context.backend.db, registries, registry.region, digest);
  return path && findBlobFrom(context, request, reply, presentPath(path), digest);
}

/** What `parse` returns, or `undefined` where it refuses. */
function known<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof RegistryError) return undefined;
    throw error;
  }
}

/** What was announced goes on in the place's query, which the client keeps: no row has to. */
function setSessionHeaders(
  reply: FastifyReply,
  place: Place,
  { id, staged }: UploadSession,
  announced: DigestAlgorithm,
): void {
  const query = announced === "sha256" ? "" : `?digest-algorithm=${announced}`;
  reply.header("location", `/v2/${pathOf(place)}/blobs/uploads/${id}${query}`);
  // The last byte, included; an empty session says 0-0 all the same, as Distribution does.
  reply.header("range", `0-${Math.max(staged.length - 1, 0)}`);
  reply.header("docker-upload-uuid", id);
}

function answerCommitted(reply: FastifyReply, place: Place, digest: Digest): FastifyReply {
  reply.removeHeader("range").removeHeader("docker-upload-uuid");
  reply.header("location", `/v2/${pathOf(place)}/blobs/${digest}`);
  reply.header("docker-content-digest", digest);
  return reply.code(201).send();
}

function pathOf({ registry, repository }: Place): string {
  return presentPath({ registry: registry.name, repository });
}
