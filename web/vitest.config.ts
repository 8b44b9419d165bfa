import { defineConfig } from "vitest/config";
import { ClosingLine } from "../server/test/support/closing-line.ts";

/** The tests that need a browser: .ci/run installs it and runs them. */
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    reporters: ["default", new ClosingLine()],
    pool: "forks",
    // Each file has a server and a browser.
    maxWorkers: 1,
    testTimeout: 120_000,
    hookTimeout: 180_000,
  },
});
