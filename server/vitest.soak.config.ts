import { defineConfig } from "vitest/config";
import config from "./vitest.config.ts";

/** The soak: for as long as SOAK_SECONDS says, ten minutes by default. */
export default defineConfig({
  test: {
    ...config.test,
    include: ["test/soak/**/*.test.ts"],
    exclude: [],
    globalSetup: [],
  },
});
