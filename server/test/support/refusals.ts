import { type ErrorCode, RegistryError } from "../../src/model/errors.ts";

/** The code that a call is refused with, or `undefined` where it is not. Whatever else it throws is a bug. */
export function refusalOf(work: () => unknown): ErrorCode | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof RegistryError) return error.code;
    throw error;
  }
}
