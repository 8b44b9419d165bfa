import { defineConfig } from "vitest/config";
import config from "./vitest.config.ts";

/** The tests that hold the management API to DigitalOcean's own description of it, which lies beside a checkout. */
export default defineConfig({
  test: {
    ...config.test,
    include: ["test/contract/**/*.test.ts"],
    exclude: [],
  },
});
