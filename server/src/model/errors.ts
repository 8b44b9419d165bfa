/**
 * Every refusal that a caller can act on. The first block is the OCI distribution spec's own list
 * (spec.md, "Error Codes"); the rest are ours, and each door translates them to its plane's words.
 */
export type ErrorCode =
  | "BLOB_UNKNOWN"
  | "BLOB_UPLOAD_INVALID"
  | "BLOB_UPLOAD_UNKNOWN"
  | "DIGEST_INVALID"
  | "MANIFEST_BLOB_UNKNOWN"
  | "MANIFEST_INVALID"
  | "MANIFEST_UNKNOWN"
  | "NAME_INVALID"
  | "NAME_UNKNOWN"
  | "SIZE_INVALID"
  | "UNAUTHORIZED"
  | "DENIED"
  | "UNSUPPORTED"
  | "TOOMANYREQUESTS"
  // Ours.
  | "ACCOUNT_HAS_REGISTRY"
  | "ACCOUNT_UNKNOWN"
  | "BLOB_REFERENCED"
  | "BODY_TOO_SLOW"
  | "GARBAGE_COLLECTION_ACTIVE"
  | "GARBAGE_COLLECTION_UNKNOWN"
  | "MANIFEST_TOO_LARGE"
  | "NAME_TAKEN"
  | "PAGINATION_INVALID"
  | "PRECONDITION_FAILED"
  | "RANGE_INVALID"
  | "REGISTRY_UNKNOWN"
  | "REQUEST_INVALID"
  | "SCOPE_INVALID"
  | "SETTING_INVALID"
  | "SEVERAL_REGISTRIES"
  | "STORAGE_FULL"
  | "SUBSCRIPTION_UNKNOWN"
  | "TAG_DELETION_UNKNOWN"
  | "TAG_INVALID"
  | "TIER_LIMIT_EXCEEDED"
  | "TIER_NOT_ELIGIBLE"
  | "TOKEN_UNKNOWN"
  | "TOO_MANY_TAGS"
  | "UPLOAD_RANGE_INVALID";

/** A refusal that says what is wrong and what would fix it. Anything else that is thrown is a bug or an outage. */
export class RegistryError extends Error {
  override readonly name = "RegistryError";
  readonly code: ErrorCode;
  /** Machine-readable particulars, sent to the client as they are. */
  readonly detail: unknown;

  constructor(code: ErrorCode, message: string, options: { detail?: unknown; cause?: unknown } = {}) {
    super(message, "cause" in options ? { cause: options.cause } : {});
    this.code = code;
    this.detail = options.detail;
  }
}
