/** Failures of a start that have a known cause outside the program, in words for the person who can mend it. */
import type { Config } from "../config.ts";
import { DatabaseTooNewError } from "../metadata/database.ts";
import { WrongDataFolderError } from "../registry/backend.ts";
import { StartError } from "./start-error.ts";

const DISK_FULL = "the disk is full. Free some space, then start again.";
const UNOPENED = "a file in it cannot be opened. Does all that is in it belong to this user (chown -R)?";

/** What SQLite and the file system say about the data folder's insides, by SQLite's primary code or errno's name. */
const FOLDER_PROBLEMS: Readonly<Record<string, string>> = {
  8: UNOPENED, // SQLITE_READONLY
  13: DISK_FULL, // SQLITE_FULL
  14: UNOPENED, // SQLITE_CANTOPEN
  11: "its database is damaged. Restore a backup.", // SQLITE_CORRUPT
  26: "its database is not one, or damaged. Restore a backup.", // SQLITE_NOTADB
  EEXIST: "a file is in the place of its folder of blobs. Move it away.",
  ENOTDIR: "a file is in the place of its folder of blobs. Move it away.",
  EACCES: UNOPENED,
  EPERM: UNOPENED,
  ENOSPC: DISK_FULL,
};

/** By errno's name, or SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
const POSTGRES_PROBLEMS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there. Is it running, and is the port right?",
  ECONNRESET: "it closed the connection. Is it PostgreSQL that listens there?",
  ETIMEDOUT: "it does not answer. Is a firewall in between?",
  EHOSTUNREACH: "no route leads there. Is the address right?",
  ENETUNREACH: "no route leads there. Is the address right?",
  ENOENT: "its socket is not there. Is it running, and is the path right?",
  ENOTFOUND: "there is no such host. Is the name right?",
  EAI_AGAIN: "its name could not be looked up. Is DNS working?",
  "28P01": "it does not accept this user name and password.",
  "28000": "it does not let this user in (pg_hba.conf).",
  "3D000": "it has no such database. Create it with createdb.",
  "42501": "this user may not create tables there. Make it the database's owner.",
  "53100": DISK_FULL,
  "53300": "it has no connection to spare (max_connections).",
  "57P03": "it is still starting. Try again in a moment.",
};

/** The same failure as a {@link StartError} if its cause is known, else as it is. */
export function explainBackendFailure(error: unknown, config: Config): unknown {
  if (error instanceof DatabaseTooNewError || error instanceof WrongDataFolderError)
    return new StartError(error.message, { cause: error });
  if (!(error instanceof Error)) return error;
  if (config.dbUrl !== undefined) {
    const problem = POSTGRES_PROBLEMS[codeOf(error)];
    if (problem !== undefined) {
      return new StartError(`BOXYARD_DB_URL: cannot use PostgreSQL at ${placeOf(config.dbUrl)}: ${problem}`, {
        cause: error,
      });
    }
  }
  const problem = FOLDER_PROBLEMS["errcode" in error ? String(error.errcode) : codeOf(error)];
  if (problem === undefined) return error;
  return new StartError(`the data folder ${config.dataDir} cannot be used: ${problem}`, { cause: error });
}

/** As {@link explainBackendFailure}, for the address to listen on. */
export function explainListenFailure(error: unknown, { host, port }: Config): unknown {
  const line = describeListenProblem(codeOf(error), host, port);
  return line === undefined ? error : new StartError(line, { cause: error });
}

function describeListenProblem(code: string, host: string, port: number): string | undefined {
  switch (code) {
    case "EADDRINUSE":
      return `port ${port} on ${host} is in use by another program. Choose another with --port ${port + 1} (or BOXYARD_PORT).`;
    case "EACCES":
      return `port ${port} is not for this user to listen on. Choose one from 1024 up with --port PORT (or BOXYARD_PORT).`;
    case "EADDRNOTAVAIL":
    case "EINVAL":
      return `${host} is not an address of this machine. Choose one that is with --host ADDRESS, or 0.0.0.0 for all.`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `the host name ${host} has no address. Use an IP address of this machine with --host ADDRESS.`;
    case "EAFNOSUPPORT":
      return `this machine has no IPv6 for ${host}. Use an IPv4 address with --host ADDRESS.`;
    default:
      return undefined;
  }
}

/** Host and port of a database URL, without what is secret in it. */
function placeOf(dbUrl: string): string {
  const url = new URL(dbUrl);
  return url.host || url.searchParams.get("host") || "localhost";
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
