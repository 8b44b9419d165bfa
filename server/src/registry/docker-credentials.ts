import { insertApiToken } from "../metadata/accounts.ts";
import { transact } from "../metadata/database.ts";
import { insertEvents } from "../metadata/events.ts";
import type { Registry } from "../metadata/registries.ts";
import type { Actor } from "../model/event.ts";
import type { TokenScope } from "../model/scope.ts";
import type { Backend } from "./backend.ts";

const READ: readonly TokenScope[] = ["registry:read"];
const READ_WRITE: readonly TokenScope[] = ["registry:read", "registry:update", "registry:delete"];

/** Stores a credential that opens this registry alone, by the hash of its secret. Without a life it never expires. */
export async function createDockerCredential(
  { db, now }: Backend,
  registry: Registry,
  credential: { sha256: string; readWrite: boolean; lifeSeconds: number | undefined; actor: Actor },
): Promise<void> {
  const created = now();
  const { id: registryId, accountId } = registry;
  const { sha256, readWrite, lifeSeconds, actor } = credential;
  const name = `container-registry-${registry.name}-${created}`;
  const scopes = readWrite ? READ_WRITE : READ;
  await transact(db, async (tx) => {
    const event = { kind: "token_create", details: { name, scopes } } as const;
    await insertEvents(tx, { accountId, registryId, actor }, [event], created);
    await insertApiToken(tx, {
      accountId,
      kind: "docker_credential",
      name,
      sha256,
      scopes,
      registryId,
      expiresAt: lifeSeconds === undefined ? undefined : created + lifeSeconds * 1000,
      now: created,
    });
  });
}
