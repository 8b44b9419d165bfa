import type { ColumnTypes } from "./column-types.ts";

/** How many refresh tokens of an API token were ended, each of which another takes the place of; and which tokens expired. */
export function endedCredentials(t: ColumnTypes): string[] {
  return [
    `ALTER TABLE api_token ADD COLUMN refresh_tokens_ended ${t.int} NOT NULL DEFAULT 0`,
    "CREATE INDEX api_token_expiry ON api_token (expires_at) WHERE expires_at IS NOT NULL",
  ];
}
