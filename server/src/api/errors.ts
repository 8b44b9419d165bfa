import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { type ErrorCode, RegistryError } from "../model/errors.ts";

/** Each refusal on the wire: an HTTP status, and the id that DigitalOcean's API has for it. */
export const RESPONSES = {
  BLOB_UNKNOWN: [404, "not_found"],
  BLOB_UPLOAD_INVALID: [422, "unprocessable_entity"],
  BLOB_UPLOAD_UNKNOWN: [404, "not_found"],
  DIGEST_INVALID: [422, "unprocessable_entity"],
  MANIFEST_BLOB_UNKNOWN: [422, "unprocessable_entity"],
  MANIFEST_INVALID: [422, "unprocessable_entity"],
  MANIFEST_UNKNOWN: [404, "not_found"],
  NAME_INVALID: [422, "unprocessable_entity"],
  NAME_UNKNOWN: [404, "not_found"],
  SIZE_INVALID: [422, "unprocessable_entity"],
  UNAUTHORIZED: [401, "unauthorized"],
  DENIED: [403, "forbidden"],
  UNSUPPORTED: [405, "method_not_allowed"],
  TOOMANYREQUESTS: [429, "too_many_requests"],
  ACCOUNT_HAS_REGISTRY: [422, "unprocessable_entity"],
  ACCOUNT_UNKNOWN: [404, "not_found"],
  BLOB_REFERENCED: [412, "precondition_failed"],
  BODY_TOO_SLOW: [408, "bad_request"],
  GARBAGE_COLLECTION_ACTIVE: [412, "precondition_failed"],
  GARBAGE_COLLECTION_UNKNOWN: [404, "not_found"],
  MANIFEST_TOO_LARGE: [422, "unprocessable_entity"],
  NAME_TAKEN: [409, "conflict"],
  PAGINATION_INVALID: [400, "bad_request"],
  PRECONDITION_FAILED: [412, "precondition_failed"],
  RANGE_INVALID: [416, "bad_request"],
  REGISTRY_UNKNOWN: [404, "not_found"],
  REQUEST_INVALID: [400, "bad_request"],
  SCOPE_INVALID: [400, "bad_request"],
  SETTING_INVALID: [422, "unprocessable_entity"],
  SEVERAL_REGISTRIES: [412, "precondition_failed"],
  STORAGE_FULL: [507, "insufficient_storage"],
  SUBSCRIPTION_UNKNOWN: [404, "not_found"],
  TAG_DELETION_UNKNOWN: [404, "not_found"],
  TAG_INVALID: [422, "unprocessable_entity"],
  TIER_LIMIT_EXCEEDED: [403, "forbidden"],
  TIER_NOT_ELIGIBLE: [412, "precondition_failed"],
  TOKEN_UNKNOWN: [404, "not_found"],
  TOO_MANY_TAGS: [422, "unprocessable_entity"],
  UPLOAD_RANGE_INVALID: [416, "bad_request"],
} as const satisfies Record<ErrorCode, readonly [status: number, id: string]>;

/** What the HTTP layer itself refuses, by status. */
const IDS: Readonly<Record<number, string>> = {
  400: "bad_request",
  404: "not_found",
  413: "payload_too_large",
  415: "unsupported_media_type",
  422: "unprocessable_entity",
};

/** Answers whatever a management route throws, in the shape of DigitalOcean's errors. */
export function answerError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  if (error instanceof RegistryError) {
    const [status, id] = RESPONSES[error.code];
    send(request, reply, status, id, error.message);
    return;
  }
  const status = error.statusCode ?? 500;
  if (status < 500) {
    const message =
      error.code === "FST_ERR_CTP_INVALID_JSON_BODY" ? "error parsing request body" : error.message;
    send(request, reply, status, IDS[status] ?? "bad_request", message);
    return;
  }
  request.log.error({ reqId: request.id, err: error }, "a management request failed");
  send(request, reply, 500, "server_error", "Unexpected server-side error");
}

/** A path of the management API that is no operation. */
export function answerNotFound(request: FastifyRequest, reply: FastifyReply): void {
  send(request, reply, 404, "not_found", "The resource you requested could not be found.");
}

function send(
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  id: string,
  message: string,
): void {
  reply.code(status).send({ id, message, request_id: request.id });
}
