import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";
import { initial } from "./0001-initial.ts";
import { sparseAndReferrers } from "./0002-sparse-and-referrers.ts";
import { access } from "./0003-access.ts";
import { taggedRepositories } from "./0005-tagged-repositories.ts";
import { failures } from "./0006-failures.ts";
import { accountsAndSizes } from "./0007-accounts-and-sizes.ts";
import { panel } from "./0008-panel.ts";
import { endedCredentials } from "./0009-ended-credentials.ts";
import { trashFailures } from "./0010-trash-failures.ts";
import type { ColumnTypes } from "./column-types.ts";

/**
 * Every migration, oldest first, listed by hand: a bundle has no folder to look into. A migration only adds, so that
 * replicas can roll from one version to the next while they serve.
 */
const MIGRATIONS: Readonly<Record<string, (types: ColumnTypes) => string[]>> = {
  "0001-initial": initial,
  "0002-sparse-and-referrers": sparseAndReferrers,
  "0003-access": access,
  "0005-tagged-repositories": taggedRepositories,
  "0006-failures": failures,
  "0007-accounts-and-sizes": accountsAndSizes,
  "0008-panel": panel,
  "0009-ended-credentials": endedCredentials,
  "0010-trash-failures": trashFailures,
};

export const MIGRATION_NAMES: readonly string[] = Object.keys(MIGRATIONS);

export function migrationsFor(types: ColumnTypes): Record<string, Migration> {
  return Object.fromEntries(
    Object.entries(MIGRATIONS).map(([name, statements]) => [
      name,
      {
        async up(db: Kysely<unknown>) {
          for (const statement of statements(types)) await sql.raw(statement).execute(db);
        },
      },
    ]),
  );
}
