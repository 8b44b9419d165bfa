/** What a command has to tell the person who gave it, in one line. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  /** The HTTP status, where it was the server that refused. */
  readonly status: number | undefined;

  constructor(message: string, status?: number, options: { cause?: unknown } = {}) {
    super(message, options);
    this.status = status;
  }
}
