import { randomUUID } from "node:crypto";
import { RegistryError } from "./errors.ts";

/** Names an upload session in its URL: a UUID. */
export type UploadId = string & { readonly __brand: "UploadId" };

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function newUploadId(): UploadId {
  return randomUUID() as UploadId;
}

/**
 * @throws {RegistryError} BLOB_UPLOAD_UNKNOWN
 */
export function parseUploadId(text: string): UploadId {
  if (!UUID.test(text)) {
    throw new RegistryError("BLOB_UPLOAD_UNKNOWN", "there is no such upload: begin a new one with POST");
  }
  return text as UploadId;
}
