import { randomUUID } from "node:crypto";
import { open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";

const NAME = "folder-id";

/** What names a data folder to a database that lies elsewhere, or `undefined` where the folder has no name yet. */
export async function findFolderId(folder: string): Promise<string | undefined> {
  try {
    return (await readFile(join(folder, NAME), "utf8")).trim();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** Names a folder durably, whole or not at all. */
export async function createFolderId(folder: string): Promise<string> {
  const id = randomUUID();
  const unfinished = join(folder, `${NAME}.new`);
  {
    await using file = await open(unfinished, "w", 0o600);
    await file.writeFile(`${id}\n`);
    await file.sync();
  }
  await rename(unfinished, join(folder, NAME));
  await using entries = await open(folder);
  await entries.sync();
  return id;
}
