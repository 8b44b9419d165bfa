import type { ColumnTypes } from "./column-types.ts";

/** What anybody may pull, refresh tokens, and what an account has open. */
export function access(t: ColumnTypes): string[] {
  return [
    // Whether anybody may pull, without a credential too.
    `ALTER TABLE registry ADD COLUMN public ${t.int} NOT NULL DEFAULT 0`,
    `ALTER TABLE repository ADD COLUMN public ${t.int} NOT NULL DEFAULT 0`,

    // Set when a client first asks for a refresh token, which every API token has one of.
    `ALTER TABLE api_token ADD COLUMN refresh_token_sha256 ${t.text}`,
    "CREATE UNIQUE INDEX api_token_refresh ON api_token (refresh_token_sha256)",

    // An account's open uploads and what they have staged are counted in this index alone.
    "CREATE INDEX upload_session_staged ON upload_session (registry_id, length)",
  ];
}
