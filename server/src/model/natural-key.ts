import type { TagName } from "./name.ts";

/**
 * A text whose byte order is the order in which people count: `1.9` before `1.10`. Each number is written without
 * leading zeros, after how many digits it has; names that differ in such zeros alone have the same key.
 */
export function naturalKey(name: TagName): string {
  return name.replaceAll(/\d+/g, (number) => {
    const digits = number.replace(/^0+(?=\d)/, "");
    return String(digits.length).padStart(LENGTH_DIGITS, "0") + digits;
  });
}

/** A tag has 128 characters at most. */
const LENGTH_DIGITS = 3;
