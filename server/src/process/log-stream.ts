/** Standard output for the log: written to once in a turn of the event loop, however many lines there are. */
export class LogStream {
  #lines = "";

  constructor() {
    // What ends the process has been logged as well.
    process.on("exit", () => this.#flush());
    // A log that nobody reads, or that has no room, is no reason to stop.
    process.stdout.on("error", () => {});
  }

  write(line: string): void {
    if (this.#lines === "") setImmediate(() => this.#flush());
    this.#lines += line;
  }

  #flush(): void {
    if (this.#lines !== "") process.stdout.write(this.#lines);
    this.#lines = "";
  }
}
