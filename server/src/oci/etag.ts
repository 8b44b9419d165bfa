import type { FastifyRequest } from "fastify";
import type { Digest } from "../model/digest.ts";
import { holds, type Precondition } from "../model/precondition.ts";

/** Whether the client has what it asks for: its `If-None-Match` names the digest (RFC 9110 §13.1.2). */
export function matchesEtag(request: FastifyRequest, digest: Digest): boolean {
  const { ifNoneMatch } = parsePrecondition(request);
  return !holds({ ifMatch: undefined, ifNoneMatch }, digest);
}

/** What the request's `If-Match` and `If-None-Match` want. */
export function parsePrecondition({ headers }: FastifyRequest): Precondition {
  return {
    // A weak tag is never what `If-Match` means (RFC 9110 §13.1.1): none of ours begins with W/.
    ifMatch: parseTags(headers["if-match"]),
    ifNoneMatch: parseTags(headers["if-none-match"]?.replaceAll("W/", "")),
  };
}

function parseTags(header: string | undefined): readonly string[] | "*" | undefined {
  if (header === undefined) return undefined;
  return header.trim() === "*" ? "*" : header.split(",").map((tag) => tag.trim());
}
