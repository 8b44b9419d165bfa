import { defineConfig } from "vitest/config";
import config from "./vitest.config.ts";

/** The built package in the runtimes that it is for: .ci/run installs them and runs this. */
export default defineConfig({
  test: { ...config.test, include: ["test/runtimes/**/*.test.ts"], exclude: [] },
});
