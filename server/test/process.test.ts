import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { logOf, type RunningServer, serverProcesses } from "./support/server-process.ts";

const folder = mkdtempSync(join(tmpdir(), "boxyard-process-"));
const processes = serverProcesses(folder);
beforeAll(() => processes.warmUp());
afterAll(() => {
  processes.killAll();
  rmSync(folder, { recursive: true });
});

function tokenIn(dataDir: string): string {
  return readFileSync(join(dataDir, "first-login.txt"), "utf8").trimEnd().split("\n").at(-1) ?? "";
}

/** 404 to the owner, whose account has no registry yet; 401 to anybody else. */
async function statusFor({ origin }: RunningServer, token: string): Promise<number> {
  const response = await fetch(`${origin}/v2/registry`, { headers: { authorization: `Bearer ${token}` } });
  return response.status;
}

/** Begins to upload a blob: half of it is sent, the rest when `finish` is called. */
async function beginUpload({ origin }: RunningServer, ownerToken: string) {
  const credentials = Buffer.from(`owner:${ownerToken}`).toString("base64");
  const answer = await fetch(
    `${origin}/v2/registry/auth?service=boxyard&scope=repository:acme/app:pull,push`,
    {
      headers: { authorization: `Basic ${credentials}` },
    },
  );
  const { token } = (await answer.json()) as { token: string };
  const headers = { authorization: `Bearer ${token}` };
  const session = await fetch(`${origin}/v2/acme/app/blobs/uploads/`, { method: "POST", headers });
  expect(session.status).toBe(202);

  const halves = [randomBytes(1000), randomBytes(1000)] as const;
  const digest = createHash("sha256").update(halves[0]).update(halves[1]).digest("hex");
  const url = new URL(session.headers.get("location") ?? "", origin);
  url.searchParams.set("digest", `sha256:${digest}`);
  const rest = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(halves[0]);
      await rest.promise;
      controller.enqueue(halves[1]);
      controller.close();
    },
  });
  const status = fetch(url, { method: "PUT", headers, body, duplex: "half" }).then(
    (response) => response.status,
    () => "cut off",
  );
  await sleep(200); // until the server has begun to read it
  return { finish: () => rest.resolve(), status };
}

describe("a start that cannot be is refused in one line that says what to do, with exit code 2", () => {
  const occupied = createServer();
  let port = 0;
  beforeAll(async () => {
    occupied.listen(0, "127.0.0.1");
    await once(occupied, "listening");
    port = (occupied.address() as AddressInfo).port;
    writeFileSync(join(folder, "file"), "");
    mkdirSync(join(folder, "locked"));
    chmodSync(join(folder, "locked"), 0o500);
  });
  afterAll(() => occupied.close());

  async function refusal(flags: string[], env?: NodeJS.ProcessEnv): Promise<string> {
    const { code, stdout, stderr } = await processes.run(flags, env).exit;
    expect(stderr).toMatch(/^boxyard: .+\n$/); // "." is no line break: there is no stack below
    expect(stdout).toBe("");
    expect(code).toBe(2);
    return stderr;
  }

  test.concurrent("an unknown flag", async () => {
    expect(await refusal(["--prot", "1"])).toContain("Did you mean --port?");
  });

  test.concurrent("an unknown variable", async () => {
    expect(await refusal([], { BOXYARD_PROT: "1" })).toContain("Did you mean BOXYARD_PORT?");
  });

  test.concurrent("a bad value", async () => {
    expect(await refusal([], { BOXYARD_LEASE: "1d" })).toContain("Use a number and a unit");
  });

  test.concurrent("a port that is in use", async () => {
    const data = join(folder, "port-in-use");
    expect(await refusal(["--port", String(port), "--data", data])).toContain(`--port ${port + 1}`);
    // The token of this first start is not lost: it waits for the start that succeeds.
    expect(tokenIn(data)).toMatch(/^bxy_/);
    expect(existsSync(join(data, "boxyard.pid"))).toBe(false);
  });

  test.concurrent("an address of another machine", async () => {
    const data = join(folder, "elsewhere");
    expect(await refusal(["--port", "0", "--host", "192.0.2.1", "--data", data])).toContain("--host ADDRESS");
  });

  test.concurrent("a file in the data folder's place", async () => {
    expect(await refusal(["--data", join(folder, "file")])).toMatch(/file in its place.*--data FOLDER/);
  });

  test.concurrent("a data folder that cannot be written", async () => {
    // Root may write anywhere but there.
    const unwritable = process.getuid?.() === 0 ? "/sys/boxyard" : join(folder, "locked");
    expect(await refusal(["--data", unwritable])).toMatch(/(may not write to|read-only).*--data FOLDER/);
  });

  test.concurrent("a PostgreSQL that is not there", async () => {
    const data = join(folder, "postgres");
    const line = await refusal(["--data", data], {
      BOXYARD_DB_URL: "postgres://ada:geheim@127.0.0.1:1/boxyard",
    });
    expect(line).toContain("BOXYARD_DB_URL: cannot use PostgreSQL at 127.0.0.1:1");
    expect(line).not.toContain("geheim");
  });
});

describe("a server without a terminal", () => {
  const data = join(folder, "new", "data");
  let server: RunningServer;
  let token: string;

  beforeAll(async () => {
    server = await processes.start(data);
    token = tokenIn(data);
  });

  test("writes the owner's token to a file at first start, for its user alone", async () => {
    expect(token).toMatch(/^bxy_[A-Za-z0-9]{60}$/);
    for (const name of ["first-login.txt", "boxyard.lock", "boxyard.pid", "db.sqlite"]) {
      expect(statSync(join(data, name)).mode & 0o777, name).toBe(0o600);
    }
    expect(statSync(data).mode & 0o777).toBe(0o700);
    expect(await statusFor(server, token)).toBe(404);
    expect(await statusFor(server, `${token.slice(0, -1)}!`)).toBe(401);
  });

  test("answers that it lives and is ready", async () => {
    expect((await fetch(`${server.origin}/livez`)).status).toBe(200);
    expect((await fetch(`${server.origin}/readyz`)).status).toBe(200);
  });

  test("refuses a second process on its data folder, and names itself", async () => {
    const { code, stderr } = await processes.run(["--port", "0", "--data", data]).exit;
    expect(stderr).toMatch(/^boxyard: .+\n$/);
    expect(stderr).toContain(`${data} is in use by another Boxyard (pid ${server.child.pid})`);
    expect(code).toBe(2);
  });

  test("starts at once after kill -9, and the token is the same", async () => {
    const exit = await server.stop("SIGKILL");
    expect(exit.signal).toBe("SIGKILL");
    expect(logOf(exit)).toContainEqual(
      expect.objectContaining({ msg: "first start", setup_file: join(data, "first-login.txt") }),
    );
    expect(exit.stdout).not.toContain(token);

    server = await processes.start(data);
    expect(tokenIn(data)).toBe(token);
    expect(await statusFor(server, token)).toBe(404);
  });

  test("finishes an upload after SIGTERM, takes no new request, and exits with 0", async () => {
    const upload = await beginUpload(server, token);
    const stopped = server.stop("SIGTERM");
    await sleep(50);
    await expect(fetch(`${server.origin}/livez`)).rejects.toThrow();
    upload.finish();
    expect(await upload.status).toBe(201);
    const exit = await stopped;
    expect(exit).toMatchObject({ code: 0, stderr: "" });
    expect(logOf(exit).map(({ msg }) => msg)).not.toContain("first start");
    expect(existsSync(join(data, "boxyard.pid"))).toBe(false);
  });

  test("does not wait any longer at a second signal", async () => {
    server = await processes.start(data);
    const upload = await beginUpload(server, token);
    server.child.kill("SIGINT");
    server.child.kill("SIGINT"); // what npm passes on of the same Ctrl-C
    await sleep(600);
    expect(server.child.exitCode).toBeNull();
    expect((await server.stop("SIGINT")).code).toBe(130);
    expect(await upload.status).toBe("cut off");
  });
});

test("a pinned owner token is neither written nor logged, and another one in its place ends it", async () => {
  const data = join(folder, "pinned");
  const [first, second] = ["1".repeat(32), "2".repeat(32)] as const;

  const before = await processes.start(data, { BOXYARD_OWNER_TOKEN: first });
  expect(await statusFor(before, first)).toBe(404);
  expect(existsSync(join(data, "first-login.txt"))).toBe(false);
  const { code, stdout } = await before.stop();
  expect(code).toBe(0);
  expect(stdout).not.toContain(first);

  const after = await processes.start(data, { BOXYARD_OWNER_TOKEN: second });
  expect(await statusFor(after, second)).toBe(404);
  expect(await statusFor(after, first)).toBe(401);
  await after.stop();
});

test("a failure that nobody foresaw ends the start with exit code 1 and its stack", async () => {
  const data = join(folder, "unforeseen");
  mkdirSync(join(data, "boxyard.pid"), { recursive: true });
  const { code, stderr } = await processes.run(["--port", "0", "--data", data]).exit;
  expect(stderr).toMatch(/\n\s+at /);
  expect(code).toBe(1);
});
