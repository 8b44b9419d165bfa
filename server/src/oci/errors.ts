import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { type ErrorCode, RegistryError } from "../model/errors.ts";

/** Each refusal on the wire: an HTTP status, and the nearest code that the OCI spec has. */
export const RESPONSES = {
  BLOB_UNKNOWN: [404, "BLOB_UNKNOWN"],
  BLOB_UPLOAD_INVALID: [400, "BLOB_UPLOAD_INVALID"],
  BLOB_UPLOAD_UNKNOWN: [404, "BLOB_UPLOAD_UNKNOWN"],
  DIGEST_INVALID: [400, "DIGEST_INVALID"],
  MANIFEST_BLOB_UNKNOWN: [400, "MANIFEST_BLOB_UNKNOWN"],
  MANIFEST_INVALID: [400, "MANIFEST_INVALID"],
  MANIFEST_UNKNOWN: [404, "MANIFEST_UNKNOWN"],
  NAME_INVALID: [400, "NAME_INVALID"],
  NAME_UNKNOWN: [404, "NAME_UNKNOWN"],
  SIZE_INVALID: [400, "SIZE_INVALID"],
  UNAUTHORIZED: [401, "UNAUTHORIZED"],
  DENIED: [403, "DENIED"],
  UNSUPPORTED: [405, "UNSUPPORTED"],
  TOOMANYREQUESTS: [429, "TOOMANYREQUESTS"],
  ACCOUNT_HAS_REGISTRY: [403, "DENIED"],
  ACCOUNT_UNKNOWN: [404, "NAME_UNKNOWN"],
  BLOB_REFERENCED: [405, "UNSUPPORTED"],
  BODY_TOO_SLOW: [408, "SIZE_INVALID"],
  GARBAGE_COLLECTION_ACTIVE: [403, "DENIED"],
  GARBAGE_COLLECTION_UNKNOWN: [404, "NAME_UNKNOWN"],
  MANIFEST_TOO_LARGE: [413, "MANIFEST_INVALID"],
  NAME_TAKEN: [403, "DENIED"],
  PAGINATION_INVALID: [400, "UNSUPPORTED"],
  PRECONDITION_FAILED: [412, "DENIED"],
  RANGE_INVALID: [416, "SIZE_INVALID"],
  REGISTRY_UNKNOWN: [404, "NAME_UNKNOWN"],
  REQUEST_INVALID: [400, "UNSUPPORTED"],
  SCOPE_INVALID: [400, "NAME_INVALID"],
  SETTING_INVALID: [400, "UNSUPPORTED"],
  SEVERAL_REGISTRIES: [412, "UNSUPPORTED"],
  STORAGE_FULL: [507, "STORAGE_FULL"],
  SUBSCRIPTION_UNKNOWN: [404, "NAME_UNKNOWN"],
  TAG_DELETION_UNKNOWN: [404, "NAME_UNKNOWN"],
  TAG_INVALID: [400, "MANIFEST_INVALID"],
  TIER_LIMIT_EXCEEDED: [403, "DENIED"],
  TIER_NOT_ELIGIBLE: [403, "DENIED"],
  TOKEN_UNKNOWN: [404, "NAME_UNKNOWN"],
  TOO_MANY_TAGS: [414, "MANIFEST_INVALID"],
  UPLOAD_RANGE_INVALID: [416, "BLOB_UPLOAD_INVALID"],
} as const satisfies Record<ErrorCode, readonly [status: number, code: string]>;

/** What an account has open ends when its uploads do: after a while, not at a known time. */
const RETRY_AFTER_SECONDS = 60;

/** Answers whatever a data-plane route throws, in the words of the distribution spec ("Error Codes"). */
export function answerError(
  error: FastifyError | RegistryError,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  if (error instanceof RegistryError) {
    const [status, code] = RESPONSES[error.code];
    if (status === 429) reply.header("retry-after", RETRY_AFTER_SECONDS);
    reply.code(status).send({ errors: presentErrors(code, error) });
    return;
  }
  const status = error.statusCode ?? 500;
  if (status < 500) {
    reply.code(status).send({ errors: [{ code: "UNSUPPORTED", message: error.message }] });
    return;
  }
  if (request.raw.destroyed && !request.raw.complete) {
    // Nobody is there to read this; what arrived was kept as far as it could be.
    request.log.info({ reqId: request.id }, "the client went away in the middle of its request");
    reply.code(400).send({ errors: [{ code: "SIZE_INVALID", message: "the body was cut off" }] });
    return;
  }
  request.log.error({ reqId: request.id, err: error }, "a data-plane request failed");
  reply
    .code(500)
    .send({ errors: [{ code: "UNKNOWN", message: "internal error", detail: { requestId: request.id } }] });
}

/** A path below `/v2/` that is no endpoint. */
export function answerNotFound(_request: FastifyRequest, reply: FastifyReply): void {
  const message = "there is no such endpoint: an image's path is /v2/<registry>/<repository>/…";
  reply.code(404).send({ errors: [{ code: "NAME_UNKNOWN", message }] });
}

/** One entry for each of several particulars: a manifest may name several blobs that are missing. */
function presentErrors(code: string, { message, detail }: RegistryError): object[] {
  const details = Array.isArray(detail) ? detail : [detail];
  return details.map((detail) => ({ code, message, ...(detail === undefined ? {} : { detail }) }));
}
