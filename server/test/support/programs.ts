/** Programs that others wrote, run as their user would run them. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { text } from "node:stream/consumers";

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  /** The folder that it runs in. */
  cwd: string;
  env: NodeJS.ProcessEnv;
  timeoutSeconds?: number;
}

/** Runs a program to its end. One that takes too long is killed, and then has no exit code. */
export async function runProgram(
  program: string,
  args: readonly string[],
  { cwd, env, timeoutSeconds = 60 }: RunOptions,
): Promise<Outcome> {
  const child = spawn(program, args, {
    cwd,
    env,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: timeoutSeconds * 1000,
    killSignal: "SIGKILL",
  });
  const closed = once(child, "close");
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  return { code, stdout, stderr };
}

/** An environment in which a client keeps all that it keeps in `home`, and is logged in by `.docker/config.json` there. */
export function environmentIn(home: string): NodeJS.ProcessEnv {
  mkdirSync(join(home, ".docker"), { recursive: true });
  return {
    PATH: process.env.PATH,
    HOME: home,
    TMPDIR: home,
    XDG_DATA_HOME: home,
    XDG_RUNTIME_DIR: home,
    REGISTRY_AUTH_FILE: join(home, ".docker/config.json"),
    // Root's cache of where blobs were seen would be the machine's, below /var/lib.
    _CONTAINERS_ROOTLESS_UID: "1000",
  };
}

export type Program = ReturnType<typeof programIn>;

/** A program with `home` for all that it keeps, and to run in. */
export function programIn(home: string, program: string, { flags = [], env = {} }: ProgramOptions = {}) {
  const options = { cwd: home, env: { ...environmentIn(home), ...env } };
  const attempt = (...args: string[]): Promise<Outcome> => runProgram(program, [...flags, ...args], options);
  return {
    /** How the command ends, whichever way. */
    attempt,
    /** What the command prints. Throws where it fails. */
    async run(...args: string[]): Promise<string> {
      const { code, stdout, stderr } = await attempt(...args);
      if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${code}: ${stderr}`);
      return stdout;
    },
  };
}

/** A file that .ci/install has put below one of PATH's folders. */
export function installedFile(path: string): string {
  const folders = process.env.PATH?.split(delimiter) ?? [];
  const found = folders.map((folder) => join(folder, path)).find((file) => existsSync(file));
  if (found === undefined) throw new Error(`${path} is in no folder of PATH: run .ci/install`);
  return found;
}

/** Has podman and buildah keep images as plain folders in a home: that wants nothing of the kernel. */
export function imageStoreIn(home: string): string[] {
  return ["--root", join(home, "storage"), "--runroot", join(home, "run"), "--storage-driver", "vfs"];
}

export interface ProgramOptions {
  /** What stands before the arguments of every command. */
  flags?: readonly string[];
  /** Variables beside those of {@link environmentIn}. */
  env?: NodeJS.ProcessEnv;
}
