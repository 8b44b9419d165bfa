import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { ClosingLine } from "./test/support/closing-line.ts";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // What needs programs from outside npm, root, minutes, or what lies beside the checkout:
    // vitest.{clients,contract,long,soak}.config.ts run these.
    exclude: ["test/{clients,conformance,contract,long,soak}/**"],
    globalSetup: ["test/support/postgres.ts"],
    reporters: ["default", new ClosingLine()],
    pool: "forks",
    // Each file's servers keep a pool of database connections, and those are counted.
    maxWorkers: Math.min(availableParallelism(), 8),
    // A busy machine is slow, not broken.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 30_000,
    expect: { poll: { timeout: 30_000 } },
  },
});
