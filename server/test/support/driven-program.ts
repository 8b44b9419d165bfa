/** A program that makes the calls of a client library that it reads of, a JSON document a line, and writes what came of each. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

export class DrivenProgram implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(program: string, args: readonly string[]) {
    this.#child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** What the program says of a call of this method. */
  async call(method: string, ...args: readonly unknown[]): Promise<ReturnType<typeof JSON.parse>> {
    this.#child.stdin.write(`${JSON.stringify({ method, args })}\n`);
    const { done, value } = await this.#lines.next();
    if (done) throw new Error(`the program ended at ${method}`);
    return JSON.parse(value);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const closed = once(this.#child, "close");
    this.#child.stdin.end();
    await closed;
  }
}
