/**
 * The folder that holds all that this server keeps on this machine, and the promise that one process alone
 * works in it. What lies in it besides the lock is the business of `metadata/` and `storage/`.
 *
 *   boxyard.lock      an empty SQLite database whose exclusive lock is held as long as the process lives
 *   boxyard.pid       the holder's process id, to be named to whoever comes second
 *   first-login.txt   the first owner token, until somebody takes it
 */
import { accessSync, constants, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StartError } from "./start-error.ts";

const SQLITE_BUSY = 5;

const ELSEWHERE = "Choose another folder with --data FOLDER (or BOXYARD_DATA)";

/** A folder that this process alone works in, until it is disposed of. */
export interface DataFolder extends Disposable {
  readonly path: string;
}

/**
 * Makes the folder if it is not there and takes it for this process. However the process ends, the kernel
 * gives the lock back: nothing stale can be left.
 * @throws {StartError} if the folder cannot be used, or another process has it.
 */
export function takeDataFolder(path: string): DataFolder {
  makeFolder(path);
  const lock = takeLock(path);
  const pidFile = join(path, "boxyard.pid");
  try {
    writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o600 });
  } catch {
    // A full disk: the lock holds without it, and no other process's id may be left to be read.
    rmSync(pidFile, { force: true });
  }
  return {
    path,
    [Symbol.dispose]() {
      // In the other order this could remove the next holder's.
      rmSync(pidFile, { force: true });
      lock.close();
    },
  };
}

/** Puts text durably into a file that nobody but this user can read, whole or not at all. Returns its path. */
export async function putPrivateFile(folder: DataFolder, name: string, text: string): Promise<string> {
  const path = join(folder.path, name);
  const unfinished = `${path}.new`;
  await rm(unfinished, { force: true });
  {
    // "wx": made by this call, so its mode is ours from the start.
    await using file = await open(unfinished, "wx", 0o600);
    await file.writeFile(text);
    await file.sync();
  }
  await rename(unfinished, path);
  await using entries = await open(dirname(path));
  await entries.sync();
  return path;
}

function makeFolder(path: string): void {
  try {
    makeFolders(path);
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new StartError(`${describeFolderProblem(path, codeOf(cause))}. ${ELSEWHERE}.`, { cause });
  }
}

/** Node's own recursive mkdir never returns where a parent is there and yet not: a link to nothing, or /proc. */
function makeFolders(path: string): void {
  try {
    makeOneFolder(path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    makeFolders(dirname(path));
    makeOneFolder(path);
  }
}

function makeOneFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (codeOf(error) !== "EEXIST" || !statSync(path).isDirectory()) throw error;
  }
}

function describeFolderProblem(path: string, code: string): string {
  switch (code) {
    case "EEXIST":
    case "ENOTDIR":
      return `the data folder ${path} cannot be made: there is a file in its place`;
    case "EACCES":
    case "EPERM":
      return `this user may not write to the data folder ${path}`;
    case "ENOENT":
      return `the data folder ${path} cannot be made: a link on the way to it points to nothing`;
    case "EROFS":
      return `the data folder ${path} is on a read-only file system`;
    case "ENOSPC":
      return `the disk of the data folder ${path} is full`;
    default:
      return `the data folder ${path} cannot be used (${code})`;
  }
}

/**
 * SQLite's own lock rather than a file that is there or not: it ends with the process, even one that is
 * killed. It would also end if this process opened and closed the file by any other way than SQLite's.
 */
function takeLock(path: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(join(path, "boxyard.lock"));
    database.exec("BEGIN EXCLUSIVE");
    return database;
  } catch (cause) {
    database?.close();
    if (!(cause instanceof Error)) throw cause;
    if ("errcode" in cause && cause.errcode === SQLITE_BUSY) {
      throw new StartError(
        `the data folder ${path} is in use by another Boxyard${describeHolder(path)}. Stop that one, or give this one its own with --data FOLDER and --port PORT.`,
        { cause },
      );
    }
    throw new StartError(`the data folder ${path} cannot be locked (${cause.message}). ${ELSEWHERE}.`, {
      cause,
    });
  }
}

function describeHolder(path: string): string {
  try {
    const pid = readFileSync(join(path, "boxyard.pid"), "utf8").trim();
    return /^\d+$/.test(pid) ? ` (pid ${pid})` : "";
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "EACCES") return "";
    throw error;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "error";
}
