import { isObject } from "../model/descriptor.ts";
import { RegistryError } from "../model/errors.ts";

/**
 * The body of a request whose body may be left out: no body is an object without anything in it.
 * @throws {RegistryError} SETTING_INVALID
 */
export function parseObject(body: unknown): Record<string, unknown> {
  if (body === undefined || body === null) return {};
  if (isObject(body)) return body;
  throw new RegistryError("SETTING_INVALID", "the body is not a JSON object: leave it out, or send one");
}

/**
 * @throws {RegistryError} SETTING_INVALID
 */
export function oneOf<T extends string>(value: unknown, allowed: readonly T[], name: string): T {
  const found = allowed.find((one) => one === value);
  if (found !== undefined) return found;
  const list = allowed.map((one) => JSON.stringify(one)).join(", ");
  throw new RegistryError("SETTING_INVALID", `${name} is one of ${list}`);
}
