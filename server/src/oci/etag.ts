import type { FastifyRequest } from "fastify";
import type { Digest } from "../model/digest.ts";

/** Whether the client has what it asks for: its `If-None-Match` names the digest (RFC 9110 §13.1.2). */
export function matchesEtag(request: FastifyRequest, digest: Digest): boolean {
  const header = request.headers["if-none-match"];
  if (header === undefined) return false;
  return header.split(",").some((candidate) => {
    const tag = candidate.trim().replace(/^W\//, "");
    return tag === "*" || tag === `"${digest}"`;
  });
}
