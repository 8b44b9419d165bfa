import type { Queries } from "./database.ts";

/** The id of the folder in which this database's blobs lie, if one was bound to it. */
export async function findDataFolder(db: Queries): Promise<string | undefined> {
  const row = await db.selectFrom("data_folder").select("folder_id as folderId").executeTakeFirst();
  return row?.folderId;
}

/** Binds a folder to the database, unless one is bound already. */
export async function insertDataFolder(db: Queries, folderId: string): Promise<void> {
  await db
    .insertInto("data_folder")
    .values({ id: 1, folder_id: folderId })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}
