import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type AccessContext, accessOf, requireAccess } from "../auth/access.ts";
import { findManifestContent, type ManifestHead } from "../metadata/manifests.ts";
import { digestAlgorithm } from "../model/digest.ts";
import { RegistryError } from "../model/errors.ts";
import type { Manifest } from "../model/manifest.ts";
import { parseReference, parseTagName, presentPath, type Reference, type TagName } from "../model/name.ts";
import { entityTag } from "../model/precondition.ts";
import type { Backend } from "../registry/backend.ts";
import { deleteManifest, getManifest, pushManifest } from "../registry/manifests.ts";
import { deleteTag } from "../registry/tags.ts";
import { matchesEtag, parsePrecondition } from "./etag.ts";
import { gatherManifest, ManifestBodies, memoryOf } from "./manifest-bodies.ts";

/** What fits, with tags of any length, into the headers of a request and of its answer. */
const MAX_TAGS = 50;

interface ManifestParams {
  Params: { name: string; reference: string };
}

interface PushRequest extends ManifestParams {
  Querystring: { tag?: string | string[] };
  Body: Buffer;
}

export function manifestRoutes(app: FastifyInstance, context: AccessContext & { backend: Backend }): void {
  const { backend } = context;

  const bodies = new ManifestBodies();
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (request: FastifyRequest, body: Readable) =>
    gatherManifest(body, request.headers["content-length"]),
  );
  app.addHook("preParsing", async (request, reply, body) => {
    if (request.method === "PUT") await bodies.waitForRoom(request.headers["content-length"], reply.raw);
    return body;
  });
  app.addHook("preHandler", async (request) => {
    if (request.method === "PUT" && !Buffer.isBuffer(request.body)) {
      throw new RegistryError("MANIFEST_INVALID", "the request has no body: send the manifest in it");
    }
  });

  // end-3: whether a manifest is here. To a caller who may push, the answer is a promise.
  app.head<ManifestParams>(
    "/:name/manifests/:reference",
    { onRequest: requireAccess(context, "pull") },
    async (request, reply) => {
      const reference = parseReference(request.params.reference);
      const access = accessOf(request);

      const manifest = await getManifest(backend, access, reference, { mayPush: access.actions.has("push") });

      if (matchesEtag(request, manifest.digest)) return answerUnchanged(reply, manifest);
      setManifestHeaders(reply, manifest);
      return reply.send();
    },
  );

  // end-3: pull a manifest, byte for byte as it was pushed, whatever the client accepts.
  app.get<ManifestParams>(
    "/:name/manifests/:reference",
    { onRequest: requireAccess(context, "pull"), exposeHeadRoute: false },
    async (request, reply) => {
      const reference = parseReference(request.params.reference);

      const manifest = await getManifest(backend, accessOf(request), reference, { mayPush: false });
      if (matchesEtag(request, manifest.digest)) return answerUnchanged(reply, manifest);
      const { db, contents } = backend;
      const content = await contents.get(manifest.digest, () => findManifestContent(db, manifest.id));
      if (content === undefined)
        throw new RegistryError("MANIFEST_UNKNOWN", "the manifest was deleted just now");

      backend.activity.countPull(manifest.id, "tag" in reference ? reference.tag : undefined, backend.now());
      setManifestHeaders(reply, manifest);
      return reply.send(content);
    },
  );

  // end-7a, end-7b: push a manifest under a tag, or under its digest and any number of tags.
  app.put<PushRequest>(
    "/:name/manifests/:reference",
    { onRequest: requireAccess(context, "push") },
    async (request, reply) => {
      using _memory = memoryOf(request.body);
      const reference = parseReference(request.params.reference);
      const tags = parseTags(request, reference);
      const precondition = parsePrecondition(request);
      const manifest = await parsePushed(backend, request, reference);
      const access = accessOf(request);

      const warnings = await pushManifest(backend, access, manifest, {
        tags,
        precondition,
        actor: access.credential?.name,
      });

      const path = presentPath({ registry: access.registry.name, repository: access.repository });
      reply.header("location", `/v2/${path}/manifests/${manifest.digest}`);
      reply.header("docker-content-digest", manifest.digest);
      if (manifest.subject !== undefined) reply.header("oci-subject", manifest.subject);
      if ("digest" in reference && tags.length > 0) reply.header("oci-tag", tags);
      if (warnings.length > 0) reply.header("warning", warnings.map(presentWarning));
      return reply.code(201).send();
    },
  );

  // end-9: delete a tag alone, or a manifest with every tag on it.
  app.delete<ManifestParams>(
    "/:name/manifests/:reference",
    { onRequest: requireAccess(context, "delete") },
    async (request, reply) => {
      const reference = parseReference(request.params.reference);
      const access = accessOf(request);

      const actor = access.credential?.name;
      if ("digest" in reference) await deleteManifest(backend, access, reference.digest, actor);
      else if (!(await deleteTag(backend, access, reference.tag, actor))) {
        throw new RegistryError("MANIFEST_UNKNOWN", `the repository has no tag ${reference.tag}`);
      }

      return reply.code(202).send();
    },
  );
}

async function parsePushed(
  { manifests }: Backend,
  { body, headers }: FastifyRequest<PushRequest>,
  reference: Reference,
): Promise<Manifest> {
  const algorithm = "digest" in reference ? digestAlgorithm(reference.digest) : "sha256";
  const manifest = await manifests.parse(body, headers["content-type"], algorithm);
  if ("digest" in reference && reference.digest !== manifest.digest) {
    throw new RegistryError(
      "DIGEST_INVALID",
      `the manifest was sent as ${reference.digest}, but it is ${manifest.digest}`,
    );
  }
  return manifest;
}

/** The tags that a push moves, each once: the one in its path, or those in its query. */
function parseTags({ query }: FastifyRequest<PushRequest>, reference: Reference): TagName[] {
  const texts = [query.tag ?? []].flat();
  if (texts.length > MAX_TAGS) {
    throw new RegistryError(
      "TOO_MANY_TAGS",
      `a push has at most ${MAX_TAGS} tags: push it again for the others`,
    );
  }
  if ("digest" in reference) return [...new Set(texts.map(parseTagName))];
  if (texts.length === 0) return [reference.tag];
  throw new RegistryError("TAG_INVALID", "tags are parameters of a push by digest: this one is by a tag");
}

/** RFC 7234 §5.5, as the distribution spec has it ("Warnings"). The text has no quotes and no backslashes. */
function presentWarning(text: string): string {
  return `299 - "${text}"`;
}

function answerUnchanged(reply: FastifyReply, manifest: ManifestHead): FastifyReply {
  setManifestHeaders(reply, manifest);
  return reply.removeHeader("content-length").code(304).send();
}

function setManifestHeaders(reply: FastifyReply, manifest: ManifestHead): void {
  reply.header("content-type", manifest.mediaType);
  reply.header("content-length", manifest.sizeBytes);
  reply.header("docker-content-digest", manifest.digest);
  reply.header("etag", entityTag(manifest.digest));
  // Its type is whatever it was pushed as, a page's too: it is never shown as one of this origin.
  reply.header("content-disposition", "attachment");
  reply.header("x-content-type-options", "nosniff");
}
