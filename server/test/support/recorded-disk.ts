/**
 * What a power cut leaves of a folder, from what record-disk.c wrote down. A sync that came to an end has on disk what was
 * changed before it began: a file's bytes, or the names in a folder. Of what was not synced, any part may be there.
 */
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { basename, dirname, join } from "node:path";

/** Which of the changes that were not synced are on disk nevertheless. */
export type Survives = () => boolean;

/** Builds the library that is preloaded, and returns the environment of a process that is recorded. */
export function recorder(folder: string): (root: string, log: string) => NodeJS.ProcessEnv {
  const library = join(folder, "record-disk.so");
  const source = join(import.meta.dirname, "record-disk.c");
  execFileSync("cc", ["-shared", "-fPIC", "-O1", "-o", library, source, "-ldl", "-lpthread"]);
  return (root, log) => ({ LD_PRELOAD: library, RECORD_ROOT: root, RECORD_LOG: log });
}

/** What changes by and by, and is synced now and then. */
class Synced<State, Change> {
  #state: State;
  #changes: Change[] = [];
  /** How many changes each sync that is under way will have on disk. */
  readonly #syncing: number[] = [];
  readonly #apply: (state: State, changes: readonly Change[]) => State;

  constructor(state: State, apply: (state: State, changes: readonly Change[]) => State) {
    this.#state = state;
    this.#apply = apply;
  }

  change(change: Change): void {
    this.#changes.push(change);
  }

  beginSync(): void {
    this.#syncing.push(this.#changes.length);
  }

  endSync(): void {
    const count = this.#syncing.shift() ?? 0;
    this.#state = this.#apply(this.#state, this.#changes.splice(0, count));
    this.#syncing.forEach((other, index) => {
      this.#syncing[index] = Math.max(0, other - count);
    });
  }

  after(survives: Survives): State {
    return this.#apply(this.#state, this.#changes.filter(survives));
  }
}

type Write = { offset: number; data: Buffer } | { length: number };
type File = Synced<Buffer, Write>;
type Folder = Synced<ReadonlyMap<string, Node>, { name: string; to: Node | undefined }>;
type Node = File | Folder;

function aFile(content: Buffer): File {
  return new Synced<Buffer, Write>(content, (before, writes) => {
    const ends = writes.map((write) => ("length" in write ? write.length : write.offset + write.data.length));
    const bytes = Buffer.alloc(Math.max(before.length, ...ends));
    before.copy(bytes);
    let { length } = before;
    for (const write of writes) {
      if ("length" in write) {
        bytes.fill(0, write.length);
        length = write.length;
      } else {
        write.data.copy(bytes, write.offset);
        length = Math.max(length, write.offset + write.data.length);
      }
    }
    return bytes.subarray(0, length);
  });
}

function aFolder(names: ReadonlyMap<string, Node>): Folder {
  return new Synced<ReadonlyMap<string, Node>, { name: string; to: Node | undefined }>(
    names,
    (before, changes) => {
      const after = new Map(before);
      for (const { name, to } of changes) to === undefined ? after.delete(name) : after.set(name, to);
      return after;
    },
  );
}

/** A folder that was recorded, from how it was before. */
export class RecordedDisk {
  readonly #root: string;
  /** By path, as the process saw it. */
  readonly #nodes = new Map<string, Node>();

  /** `before`: a copy of the folder as it was when the recording began, all of it on disk. */
  constructor(root: string, before: string, log: string) {
    this.#root = root;
    this.#read(root, before);
    this.#replay(fs.readFileSync(log));
  }

  /** Lays out in `target` what a power cut leaves. SQLite's index of its log is memory, and is never read again. */
  layOut(target: string, survives: Survives): void {
    this.#put(this.#nodes.get(this.#root) as Folder, target, survives);
  }

  #read(path: string, before: string): Node {
    const node = fs.statSync(before).isDirectory()
      ? aFolder(
          new Map(
            fs.readdirSync(before).map((name) => [name, this.#read(join(path, name), join(before, name))]),
          ),
        )
      : aFile(fs.readFileSync(before));
    this.#nodes.set(path, node);
    return node;
  }

  #replay(log: Buffer): void {
    for (let at = 0; at < log.length; ) {
      const kind = String.fromCharCode(log.readUInt8(at));
      const offset = Number(log.readBigUInt64LE(at + 1));
      const pathStart = at + 17;
      const dataStart = pathStart + log.readUInt32LE(at + 9);
      const end = dataStart + log.readUInt32LE(at + 13);
      this.#take(kind, log.toString("utf8", pathStart, dataStart), offset, log.subarray(dataStart, end));
      at = end;
    }
  }

  #take(kind: string, path: string, offset: number, data: Buffer): void {
    switch (kind) {
      case "W":
        (this.#nodes.get(path) as File | undefined)?.change({ offset, data });
        break;
      case "T":
        (this.#nodes.get(path) as File | undefined)?.change({ length: offset });
        break;
      case "C":
        this.#name(path, aFile(Buffer.alloc(0)));
        break;
      case "M":
        this.#name(path, aFolder(new Map()));
        break;
      case "U":
        this.#name(path, undefined);
        break;
      case "R":
        this.#name(data.toString(), this.#nodes.get(path));
        this.#name(path, undefined);
        break;
      case "B":
        this.#nodes.get(path)?.beginSync();
        break;
      case "E":
        this.#nodes.get(path)?.endSync();
        break;
      default:
        throw new Error(`the record of ${path} is of no known kind: ${kind}`);
    }
  }

  #name(path: string, node: Node | undefined): void {
    (this.#nodes.get(dirname(path)) as Folder | undefined)?.change({ name: basename(path), to: node });
    if (node === undefined) this.#nodes.delete(path);
    else this.#nodes.set(path, node);
  }

  #put(folder: Folder, target: string, survives: Survives): void {
    fs.mkdirSync(target, { recursive: true });
    for (const [name, node] of folder.after(survives)) {
      const content = node.after(survives);
      if (!Buffer.isBuffer(content)) this.#put(node as Folder, join(target, name), survives);
      else if (!name.endsWith("-shm")) fs.writeFileSync(join(target, name), content);
    }
  }
}
