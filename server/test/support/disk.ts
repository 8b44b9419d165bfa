/**
 * A folder on the worst disk there is: after a power cut it has what was synced, as it was when the sync began, and
 * nothing else. A file is there if the sync of its folder began after it was made; its bytes are those that were
 * written before its own last sync began.
 */
import fs from "node:fs";
import { dirname, join, relative } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { vi } from "vitest";

/** A sync takes so long here: what does not wait for it is found out. */
const SYNC_MILLISECONDS = 3;

/** What is on the disk at one moment: the bytes of files, and the names in folders. */
export type OnDisk = ReadonlyMap<string, Buffer | ReadonlySet<string>>;

export interface WatchedDisk {
  readonly folder: string;
  /** What a power cut now would leave. */
  onDisk(): OnDisk;
  /** Files that were made since, each with what was on disk just before. */
  readonly made: readonly { path: string; before: OnDisk }[];
  /** How many syncs of a file or folder have begun. */
  syncsOf(path: string): number;
  /** Holds the syncs of a file or folder back, from now until it is released. */
  hold(path: string): { release(): void };
  /** Has the next sync of a file or folder fail. */
  failSyncOf(path: string): void;
}

/**
 * Watches the calls of `node:fs` on a folder, until the mocks are restored. What lies in it is on disk, but for the bytes
 * of the files in `unsynced`.
 */
export function watchDisk(folder: string, { unsynced = [] }: { unsynced?: string[] } = {}): WatchedDisk {
  const { open, openSync, fsync, fsyncSync, fdatasync } = fs;
  const onDisk = new Map<string, Buffer | ReadonlySet<string>>();
  const paths = new Map<number, string>();
  const made: { path: string; before: OnDisk }[] = [];
  const begun = new Map<string, number>();
  const held = new Map<string, Promise<void>>();
  const failing = new Set<string>();

  for (const entry of fs.readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const path = join(folder, entry);
    onDisk.set(path, unsynced.includes(path) ? Buffer.alloc(0) : contentOf(path));
  }
  onDisk.set(folder, contentOf(folder));

  /** What the sync that begins now will have on disk when it is done. Files that were opened before are not watched. */
  function beginSync(fd: number): { path: string; content: Buffer | ReadonlySet<string> } | undefined {
    const path = paths.get(fd);
    if (path === undefined) return undefined;
    begun.set(path, (begun.get(path) ?? 0) + 1);
    return { path, content: contentOf(path) };
  }

  function noteMade(path: string, flags: unknown): void {
    const makes = typeof flags === "number" && (flags & fs.constants.O_CREAT) !== 0;
    if (makes && !fs.existsSync(path)) made.push({ path, before: new Map(onDisk) });
  }

  vi.spyOn(fs, "open").mockImplementation((...args: unknown[]) => {
    const done = args.pop() as (error: Error | null, fd: number) => void;
    const path = String(args[0]);
    noteMade(path, args[1]);
    const opened = (error: Error | null, fd: number) => {
      if (error === null) paths.set(fd, path);
      done(error, fd);
    };
    Reflect.apply(open, fs, [...args, opened]);
  });
  vi.spyOn(fs, "openSync").mockImplementation((path, flags, mode) => {
    const fd = openSync(path, flags, mode);
    paths.set(fd, String(path));
    return fd;
  });
  vi.spyOn(fs, "fsyncSync").mockImplementation((fd) => {
    const sync = beginSync(fd);
    fsyncSync(fd);
    if (sync !== undefined) onDisk.set(sync.path, sync.content);
  });

  type Sync = (fd: number, done: (error: NodeJS.ErrnoException | null) => void) => void;
  const watched =
    (sync: Sync, syscall: string): Sync =>
    (fd, done) => {
      const begun = beginSync(fd);
      if (begun === undefined) {
        sync(fd, done);
        return;
      }
      const { path, content } = begun;
      if (failing.delete(path)) {
        setImmediate(done, Object.assign(new Error(`EIO: ${syscall}`), { code: "EIO", syscall }));
        return;
      }
      const end = async (error: NodeJS.ErrnoException | null): Promise<void> => {
        await delay(SYNC_MILLISECONDS);
        await held.get(path);
        if (error === null) onDisk.set(path, content);
        done(error);
      };
      sync(fd, (error) => void end(error));
    };
  vi.spyOn(fs, "fsync").mockImplementation(watched(fsync, "fsync"));
  vi.spyOn(fs, "fdatasync").mockImplementation(watched(fdatasync, "fdatasync"));

  return {
    folder,
    made,
    onDisk: () => new Map(onDisk),
    syncsOf: (path) => begun.get(path) ?? 0,
    hold(path) {
      const { promise, resolve } = Promise.withResolvers<void>();
      held.set(path, promise);
      return {
        release() {
          held.delete(path);
          resolve();
        },
      };
    },
    failSyncOf: (path) => failing.add(path),
  };
}

/** Lays out in `target` what a power cut left of a folder. SQLite's own file is what its checkpoints synced: as it is. */
export function layOut(onDisk: OnDisk, folder: string, target: string): void {
  for (const [path, content] of onDisk) {
    if (!isReachable(onDisk, folder, path)) continue;
    const copy = join(target, relative(folder, path));
    if (!Buffer.isBuffer(content)) fs.mkdirSync(copy, { recursive: true });
    for (const name of Buffer.isBuffer(content) ? [] : content) {
      const file = join(path, name);
      if (name.endsWith("-shm") || !fs.statSync(file, { throwIfNoEntry: false })?.isFile()) continue;
      if (name === "db.sqlite") fs.copyFileSync(file, join(copy, name));
      else fs.writeFileSync(join(copy, name), (onDisk.get(file) as Buffer | undefined) ?? "");
    }
  }
}

/** Whether every folder on the way has its entry on disk. */
function isReachable(onDisk: OnDisk, folder: string, path: string): boolean {
  if (path === folder) return true;
  const parent = dirname(path);
  const names = onDisk.get(parent);
  if (names === undefined || Buffer.isBuffer(names)) return false;
  return names.has(relative(parent, path)) && isReachable(onDisk, folder, parent);
}

function contentOf(path: string): Buffer | ReadonlySet<string> {
  return fs.statSync(path).isDirectory() ? new Set(fs.readdirSync(path)) : fs.readFileSync(path);
}
