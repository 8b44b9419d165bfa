import { randomInt } from "node:crypto";
import { describe, test } from "vitest";
import { uploadThrough } from "./support/interrupted-upload.ts";

const MIB = 1024 * 1024;
/** Another run that breaks at the same places: `UPLOAD_SEED=… npm test`. */
const seed = Number(process.env.UPLOAD_SEED ?? randomInt(2 ** 31));
console.info(`UPLOAD_SEED=${seed}`);

describe("an upload of 12 MiB in chunks arrives whole", () => {
  const upload = { sizeBytes: 12 * MIB + 1, chunkBytes: MIB, breaks: 20, seed };

  test("through a connection that breaks twenty times", () => uploadThrough(upload));

  test("through a server that is killed five of those times", () =>
    uploadThrough({ ...upload, killEvery: 4 }));
});
