import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type AccessContext, accessOf, requireAccess } from "../auth/access.ts";
import { findManifestContent, type ManifestHead } from "../metadata/manifests.ts";
import { digestAlgorithm } from "../model/digest.ts";
import { RegistryError } from "../model/errors.ts";
import { MAX_MANIFEST_BYTES, type Manifest, parseManifest } from "../model/manifest.ts";
import { parseReference, presentPath, type Reference } from "../model/name.ts";
import type { Backend } from "../registry/backend.ts";
import { deleteManifest, getManifest, pushManifest } from "../registry/manifests.ts";
import { deleteTag } from "../registry/tags.ts";
import { matchesEtag } from "./etag.ts";

interface ManifestParams {
  Params: { name: string; reference: string };
}

export function manifestRoutes(app: FastifyInstance, context: AccessContext & { backend: Backend }): void {
  const { backend } = context;

  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    "*",
    { parseAs: "buffer", bodyLimit: MAX_MANIFEST_BYTES },
    (_request, body, done) => done(null, body),
  );
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
      const content = await findManifestContent(backend.db, manifest.id);
      if (content === undefined)
        throw new RegistryError("MANIFEST_UNKNOWN", "the manifest was deleted just now");

      setManifestHeaders(reply, manifest);
      if (matchesEtag(request, manifest.digest)) return reply.removeHeader("content-length").code(304).send();
      return reply.send(content);
    },
  );

  // end-7a: push a manifest under a tag or a digest.
  app.put<ManifestParams & { Body: Buffer }>(
    "/:name/manifests/:reference",
    { onRequest: requireAccess(context, "push"), bodyLimit: MAX_MANIFEST_BYTES },
    async (request, reply) => {
      const reference = parseReference(request.params.reference);
      const manifest = parsePushed(request, reference);
      const access = accessOf(request);

      await pushManifest(backend, access, manifest, "tag" in reference ? reference.tag : undefined);

      const path = presentPath({ registry: access.registry.name, repository: access.repository });
      reply.header("location", `/v2/${path}/manifests/${manifest.digest}`);
      reply.header("docker-content-digest", manifest.digest);
      if (manifest.subject !== undefined) reply.header("oci-subject", manifest.subject);
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

      if ("digest" in reference) await deleteManifest(backend, access, reference.digest);
      else if (!(await deleteTag(backend, access, reference.tag))) {
        throw new RegistryError("MANIFEST_UNKNOWN", `the repository has no tag ${reference.tag}`);
      }

      return reply.code(202).send();
    },
  );
}

function parsePushed(request: FastifyRequest<{ Body: Buffer }>, reference: Reference): Manifest {
  const algorithm = "digest" in reference ? digestAlgorithm(reference.digest) : "sha256";
  const manifest = parseManifest(request.body, request.headers["content-type"], algorithm);
  if ("digest" in reference && reference.digest !== manifest.digest) {
    throw new RegistryError(
      "DIGEST_INVALID",
      `the manifest was sent as ${reference.digest}, but it is ${manifest.digest}`,
    );
  }
  return manifest;
}

function setManifestHeaders(reply: FastifyReply, manifest: ManifestHead): void {
  reply.header("content-type", manifest.mediaType);
  reply.header("content-length", manifest.sizeBytes);
  reply.header("docker-content-digest", manifest.digest);
  reply.header("etag", `"${manifest.digest}"`);
  reply.header("x-content-type-options", "nosniff");
}
