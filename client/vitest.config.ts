import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { ClosingLine } from "../server/test/support/closing-line.ts";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // What needs other runtimes: vitest.runtimes.config.ts runs it.
    exclude: ["test/runtimes/**"],
    globalSetup: ["test/support/build.ts"],
    reporters: ["default", new ClosingLine()],
    pool: "forks",
    maxWorkers: Math.min(availableParallelism(), 8),
    // A busy machine is slow, not broken.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
