import { defineConfig } from "vitest/config";
import config from "./vitest.config.ts";

/** The tests that take minutes: .ci/run runs them. */
export default defineConfig({
  test: {
    ...config.test,
    include: ["test/long/**/*.test.ts"],
    exclude: [],
    testTimeout: 1_800_000,
    hookTimeout: 120_000,
  },
});
