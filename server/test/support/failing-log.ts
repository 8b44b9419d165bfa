/** The server, on a disk on which a sync of the database's log fails once: the next one after a certain file is there. */
import fs from "node:fs";
import { mock } from "node:test";

const { fdatasync } = fs;
const sign = process.env.FAIL_ONCE_THERE_IS ?? "";
let failed = false;

mock.method(fs, "fdatasync", (fd: number, done: (error: NodeJS.ErrnoException | null) => void) => {
  if (failed || !fs.existsSync(sign)) {
    fdatasync(fd, done);
    return;
  }
  // From now on the system would call it a success, whatever became of the pages.
  failed = true;
  setImmediate(done, Object.assign(new Error("EIO: i/o error, fdatasync"), { code: "EIO" }));
});

await import("../../src/main.ts");
