import { randomInt } from "node:crypto";
import { describe, it } from "vitest";
import { uploadThrough } from "../support/interrupted-upload.ts";

const MIB = 1024 * 1024;
const seed = Number(process.env.UPLOAD_SEED ?? randomInt(2 ** 31));
console.info(`UPLOAD_SEED=${seed}`);

describe("an upload of 1 GiB in chunks arrives whole", () => {
  const upload = { sizeBytes: 1024 * MIB, chunkBytes: 16 * MIB, breaks: 20, seed };

  it("through a connection that breaks twenty times", () => uploadThrough(upload));

  it("through a server that is killed twenty times", () => uploadThrough({ ...upload, killEvery: 1 }));
});
