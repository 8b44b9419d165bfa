import { defineConfig } from "vitest/config";
import config from "./vitest.config.ts";

/** The tests that need foreign programs (skopeo, …) or root: .ci/run installs what they need and runs them. */
export default defineConfig({
  test: {
    ...config.test,
    include: ["test/{clients,conformance}/**/*.test.ts"],
    exclude: [],
    // They measure, fill disks and start servers of their own: one file at a time.
    maxWorkers: 1,
    testTimeout: 300_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 10_000 } },
  },
});
