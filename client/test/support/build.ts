import { execFileSync } from "node:child_process";
import { join } from "node:path";

/** Builds the package before the tests that look at it. */
export function setup(): void {
  execFileSync("npm", ["run", "build"], { cwd: join(import.meta.dirname, "../.."), stdio: "pipe" });
}
