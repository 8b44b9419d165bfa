import { insertApiToken } from "../metadata/accounts.ts";
import { transact } from "../metadata/database.ts";
import type { Registry } from "../metadata/registries.ts";
import type { TokenScope } from "../model/scope.ts";
import type { Backend } from "./backend.ts";

const READ: readonly TokenScope[] = ["registry:read"];
const READ_WRITE: readonly TokenScope[] = ["registry:read", "registry:update", "registry:delete"];

/** Stores a credential that opens this registry alone, by the hash of its secret. Without a life it never expires. */
export async function createDockerCredential(
  { db, now }: Backend,
  registry: Registry,
  credential: { sha256: string; readWrite: boolean; lifeSeconds: number | undefined },
): Promise<void> {
  const created = now();
  const { sha256, readWrite, lifeSeconds } = credential;
  await transact(db, (tx) =>
    insertApiToken(tx, {
      accountId: registry.accountId,
      kind: "docker_credential",
      name: `container-registry-${registry.name}-${created}`,
      sha256,
      scopes: readWrite ? READ_WRITE : READ,
      registryId: registry.id,
      expiresAt: lifeSeconds === undefined ? undefined : created + lifeSeconds * 1000,
      now: created,
    }),
  );
}
