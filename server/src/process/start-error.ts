/**
 * A server that cannot start for a reason that whoever starts it can mend. The message is one line: which
 * setting or place, what is wrong with it, what to do. It is all that they are shown.
 */
export class StartError extends Error {
  override readonly name: string = "StartError";
}
