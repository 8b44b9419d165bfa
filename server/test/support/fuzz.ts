/** What random tests share. */
import fc from "fast-check";

/** How often each of them tries: `FUZZ_RUNS=10000 npm test -- test/property`. */
export const FUZZ_RUNS = Number(process.env.FUZZ_RUNS ?? 100);

// Those that name no number of their own.
fc.configureGlobal({ numRuns: FUZZ_RUNS });

/** Any text of UTF-16, halves of pairs and zeroes included: fast-check's own takes seconds to prepare its characters. */
export function anyText({ maxLength = 100 }: { maxLength?: number } = {}): fc.Arbitrary<string> {
  const units = fc.oneof(fc.nat(0x7f), fc.nat(0xffff));
  return fc.array(units, { maxLength }).map((codes) => String.fromCharCode(...codes));
}
