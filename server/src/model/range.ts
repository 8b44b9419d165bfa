/** Bytes `start` to `end`, both included, counted from 0. */
export interface ByteRange {
  start: number;
  end: number;
}

/**
 * The single range that a `Range` header asks of `size` bytes (RFC 9110 §14): `undefined` where the whole is to be
 * sent (no header, another unit, a list of ranges), `"unsatisfiable"` where 416 is the answer.
 */
export function parseRange(
  header: string | undefined,
  size: number,
): ByteRange | "unsatisfiable" | undefined {
  if (header === undefined || !/^bytes=/i.test(header) || header.includes(",")) return undefined;
  const match = /^(\d*)-(\d*)$/.exec(header.slice("bytes=".length).trim());
  if (match === null || (match[1] === "" && match[2] === "")) return "unsatisfiable";
  const [, first = "", last = ""] = match;
  if (first === "") {
    const length = Math.min(Number(last), size);
    return length === 0 ? "unsatisfiable" : { start: size - length, end: size - 1 };
  }
  const start = Number(first);
  const end = last === "" ? size - 1 : Math.min(Number(last), size - 1);
  return start > end || start >= size ? "unsatisfiable" : { start, end };
}

/**
 * A chunk's `Content-Range` (distribution-spec, "Pushing a blob in chunks": `<start>-<end>`, no unit), or
 * `undefined` where it does not have that form.
 */
export function parseContentRange(header: string): ByteRange | undefined {
  const match = /^(\d{1,16})-(\d{1,16})$/.exec(header);
  if (match === null) return undefined;
  const range = { start: Number(match[1]), end: Number(match[2]) };
  return range.start <= range.end && Number.isSafeInteger(range.end) ? range : undefined;
}
