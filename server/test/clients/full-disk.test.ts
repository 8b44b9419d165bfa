/**
 * A server whose data folder is a small disk of its own, filled to its last byte. The disk is a tmpfs: to mount it takes
 * root.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { anImage, type Content, contentOf, type Image, noise, writeOciLayout } from "../support/images.ts";
import { freshDatabase } from "../support/postgres.ts";
import { programIn } from "../support/programs.ts";
import { DATABASES, OWNER_TOKEN } from "../support/registry.ts";
import {
  BUNDLE,
  bundleIfStale,
  type Exit,
  logOf,
  type RunningServer,
  serverProcesses,
} from "../support/server-process.ts";

const REPOSITORY = "acme/app";
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const STORAGE_FULL = {
  errors: [{ code: "STORAGE_FULL", message: "the server's disk is full: free some space, then try again" }],
};

const MEBIBYTE = 1024 * 1024;
const DISK_BYTES = 24 * MEBIBYTE;
/** What lies on the disk to be taken away again. What is left beside it is less than any of the large blobs. */
const BALLAST_BYTES = 12 * MEBIBYTE;
const LARGE_BYTES = 16 * MEBIBYTE;
/** So long after the last write, a server has tried to copy the log of its rows into the database, which cannot grow. */
const CHECKPOINT_SECONDS = 35;

describe.each(DATABASES)("a server on a full disk, with its rows in %s", (database) => {
  const rowsAreOnThisDisk = database === "SQLite";
  const resources = new AsyncDisposableStack();
  const image = anImage({ layers: 3, layerBytes: 200_000 });
  const large = contentOf(noise("large", LARGE_BYTES));
  /** What was answered with 201: a URL's path, and the digest of what is there. */
  const acknowledged = new Map<string, string>();
  const exits: Exit[] = [];
  let folder: string;
  let disk: string;
  let start: () => Promise<RunningServer>;
  let server: RunningServer;
  /** The headers of who may push. */
  let writer: Record<string, string>;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "boxyard-full-disk-"));
    resources.defer(() => rmSync(folder, { recursive: true }));
    disk = join(folder, "disk");
    mkdirSync(disk);
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_BYTES},mode=700`, "tmpfs", disk]);
    // Lazily: it goes when the last who uses it has gone, whatever that is.
    resources.defer(() => {
      execFileSync("umount", ["--lazy", disk]);
    });
    const rows = rowsAreOnThisDisk ? {} : { BOXYARD_DB_URL: resources.use(await freshDatabase()).url };
    bundleIfStale();
    const processes = serverProcesses(folder, BUNDLE);
    resources.defer(() => processes.killAll());
    start = () => processes.start(join(disk, "data"), { BOXYARD_OWNER_TOKEN: OWNER_TOKEN, ...rows });

    server = await start();
    writer = await authorized("pull,push");
    await push(image, "v1");
    writeFileSync(join(disk, "ballast"), Buffer.alloc(BALLAST_BYTES));
  });

  afterAll(() => resources.disposeAsync());

  function dropBallast(): void {
    rmSync(join(disk, "ballast"));
    rmSync(join(disk, "last-bytes"), { force: true });
  }

  function fillToTheLastByte(): void {
    const file = openSync(join(disk, "last-bytes"), "a");
    try {
      for (;;) writeSync(file, Buffer.alloc(4096));
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
    } finally {
      closeSync(file);
    }
  }

  /** Asks the token service, with the owner's token. */
  function askForToken(actions: string): Promise<Response> {
    return fetch(`${server.origin}/v2/registry/auth?scope=repository:${REPOSITORY}:${actions}`, {
      headers: { authorization: `Basic ${btoa(`owner:${OWNER_TOKEN}`)}` },
    });
  }

  async function authorized(actions: string): Promise<Record<string, string>> {
    const answer = await askForToken(actions);
    expect(answer.status).toBe(200);
    const { token } = (await answer.json()) as { token: string };
    return { authorization: `Bearer ${token}` };
  }

  function startUpload(): Promise<Response> {
    const url = `${server.origin}/v2/${REPOSITORY}/blobs/uploads/`;
    return fetch(url, { method: "POST", headers: writer });
  }

  /** Begins an upload, and returns the path where its bytes go. */
  async function beginUpload(): Promise<string> {
    const answer = await startUpload();
    expect(answer.status).toBe(202);
    return answer.headers.get("location") ?? "";
  }

  async function finishUpload(path: string, digest: string, rest: Buffer): Promise<void> {
    const url = `${server.origin}${path}?digest=${digest}`;
    expect((await fetch(url, { method: "PUT", headers: writer, body: rest })).status).toBe(201);
    acknowledged.set(`/v2/${REPOSITORY}/blobs/${digest}`, digest);
  }

  function putManifest({ content }: Content, tag: string): Promise<Response> {
    const headers = { ...writer, "content-type": MANIFEST };
    return fetch(`${server.origin}${manifestPath(tag)}`, { method: "PUT", headers, body: content });
  }

  async function push({ blobs, manifest }: Image, tag: string): Promise<void> {
    for (const { digest, content } of blobs) await finishUpload(await beginUpload(), digest, content);
    expect((await putManifest(manifest, tag)).status).toBe(201);
    acknowledged.set(manifestPath(tag), manifest.digest);
    acknowledged.set(manifestPath(manifest.digest), manifest.digest);
  }

  async function expectAcknowledged(): Promise<void> {
    const headers = await authorized("pull");
    for (const [path, digest] of acknowledged) {
      const answer = await fetch(`${server.origin}${path}`, { headers });
      expect([path, answer.status]).toEqual([path, 200]);
      expect([path, sha256(await answer.bytes())]).toEqual([path, digest]);
    }
  }

  async function readiness(): Promise<{ code: number; status: string }> {
    const answer = await fetch(`${server.origin}/readyz`);
    const { status } = (await answer.json()) as { status: string };
    return { code: answer.status, status };
  }

  async function stop(signal: NodeJS.Signals): Promise<Exit> {
    const exit = await server.stop(signal);
    exits.push(exit);
    return exit;
  }

  let interrupted: string;

  test("an upload that finds no room is answered with 507, and whoever is sending it gets the answer", async () => {
    const { content: body, digest } = large;
    interrupted = await beginUpload();
    const [first, second, third] = [await beginUpload(), await beginUpload(), await beginUpload()];
    const headers = writer;
    // What many proxies say.
    const closing = { ...writer, connection: "close" };
    const whole = `/v2/${REPOSITORY}/blobs/uploads/?digest=${digest}`;

    const refusals = [
      await sendWhole(server, { method: "PATCH", path: interrupted, headers, body, isChunked: true }),
      await sendWhole(server, { method: "PATCH", path: first, headers, body }),
      await sendWhole(server, { method: "PUT", path: `${second}?digest=${digest}`, headers, body }),
      await sendWhole(server, { method: "PATCH", path: third, headers: closing, body }),
      await sendWhole(server, { method: "POST", path: whole, headers, body }),
    ];

    for (const refusal of refusals) expect(refusal).toEqual({ status: 507, body: STORAGE_FULL });
  });

  test("skopeo is told that there is insufficient storage", async () => {
    const skopeo = programIn(join(folder, "home"), "skopeo");
    await writeOciLayout(join(folder, "home/large"), anImage({ layerBytes: LARGE_BYTES, seed: 2 }), "v1");

    const { code, stderr } = await skopeo.attempt(
      "copy",
      "--dest-tls-verify=false",
      `--dest-creds=owner:${OWNER_TOKEN}`,
      "oci:large:v1",
      `docker://${new URL(server.origin).host}/${REPOSITORY}:large`,
    );

    expect(code).toBe(1);
    expect(stderr).toMatch(/507|disk is full/);
  });

  if (rowsAreOnThisDisk) {
    test("manifests, uploads and tokens for pushing are refused with 507 when there is no room for their rows", async () => {
      fillToTheLastByte();

      const refusals = [
        await untilRefused(async (attempt) => {
          const answer = await putManifest(image.manifest, `tag-${attempt}`);
          if (answer.ok) acknowledged.set(manifestPath(`tag-${attempt}`), image.manifest.digest);
          return answer;
        }),
        await untilRefused(() => startUpload()),
        await untilRefused(() => askForToken("pull,push")),
      ];

      for (const { status, body } of refusals)
        expect({ status, body }).toEqual({ status: 507, body: STORAGE_FULL });
    });
  }

  test("what is there is pulled all the same, and hashes right", async () => {
    fillToTheLastByte();
    await expectAcknowledged();
  });

  test("the server says that it is full, and that it is ready: it can be read", async () => {
    await expect.poll(readiness, { timeout: 10_000 }).toEqual({ code: 200, status: "full" });
  });

  if (rowsAreOnThisDisk) {
    test("the server stays up for as long as the disk is full", async () => {
      await sleep(CHECKPOINT_SECONDS * 1000);
      expect(await readiness()).toEqual({ code: 200, status: "full" });
    });
  }

  test("as soon as there is room pushes work, and an upload goes on from where it stood", async () => {
    dropBallast();
    await expect.poll(readiness, { timeout: 10_000 }).toEqual({ code: 200, status: "ok" });

    await push(anImage({ layers: 2, layerBytes: 100_000, seed: 3 }), "v2");
    const status = await fetch(`${server.origin}${interrupted}`, { headers: writer });
    expect(status.status).toBe(204);
    const lastByte = Number(status.headers.get("range")?.split("-")[1]);
    expect(lastByte).toBeGreaterThan(MEBIBYTE);
    await finishUpload(interrupted, large.digest, large.content.subarray(lastByte + 1));

    await expectAcknowledged();
  });

  test("kill -9 while the disk is full loses nothing, and the next start needs no room", async () => {
    fillToTheLastByte();
    expect((await stop("SIGKILL")).signal).toBe("SIGKILL");

    server = await start();
    await expectAcknowledged();
    await expect.poll(readiness, { timeout: 10_000 }).toEqual({ code: 200, status: "full" });
  });

  test("a server is stopped as usual while the disk is full", async () => {
    expect(await stop("SIGTERM")).toMatchObject({ code: 0, stderr: "" });

    server = await start();
    await expectAcknowledged();
  });

  test("no request of all these met an internal error, and the log is not flooded", async () => {
    await stop("SIGTERM");
    const log = exits.flatMap(logOf);
    expect(log.filter(({ status }) => status === 500)).toEqual([]);
    const errors = log.filter(({ level }) => Number(level) >= 50);
    expect(errors.filter(({ msg }) => msg !== "background work failed: it is tried again")).toEqual([]);
    expect(errors.length).toBeLessThan(50);
  });
});

interface Sent {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Buffer;
  isChunked?: boolean;
}

/**
 * Sends a request to its last byte, whatever is answered meanwhile, and only then looks at the answer. A connection that
 * the server closes before that is a failure.
 */
async function sendWhole({ origin }: RunningServer, { method, path, headers, body, isChunked }: Sent) {
  const { hostname, port, host } = new URL(origin);
  const socket = connect(Number(port), hostname);
  const answer = answerOn(socket);
  // A connection that breaks fails the write as well, which is what the caller gets.
  answer.catch(() => {});
  try {
    const length = isChunked ? { "transfer-encoding": "chunked" } : { "content-length": `${body.length}` };
    const head = Object.entries({ host, ...headers, ...length }).map(
      ([name, value]) => `${name}: ${value}\r\n`,
    );
    await write(socket, `${method} ${path} HTTP/1.1\r\n${head.join("")}\r\n`);
    for (let sent = 0; sent < body.length; sent += SEND_BYTES) {
      const piece = body.subarray(sent, sent + SEND_BYTES);
      if (isChunked) await write(socket, `${piece.length.toString(16)}\r\n`);
      await write(socket, piece);
      if (isChunked) await write(socket, "\r\n");
    }
    if (isChunked) await write(socket, "0\r\n\r\n");
    return await answer;
  } finally {
    socket.destroy();
  }
}

const SEND_BYTES = 64 * 1024;

async function write(socket: Socket, bytes: string | Buffer): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

/** The answer that arrives, whose body is JSON of a stated length. */
async function answerOn(socket: Socket): Promise<{ status: number; body: unknown }> {
  let received = "";
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    received += chunk;
    const [head = "", body] = received.split("\r\n\r\n");
    const length = /^content-length: (\d+)$/im.exec(head)?.[1];
    if (body === undefined || body.length < Number(length)) continue;
    return { status: Number(head.split(" ")[1]), body: JSON.parse(body) };
  }
  throw new Error(`the connection ended without an answer: ${received}`);
}

/** The first answer that is no success: the log of the database may have some room inside itself. */
async function untilRefused(
  ask: (attempt: number) => Promise<Response>,
): Promise<{ status: number; body: unknown }> {
  for (let attempt = 1; attempt <= 2000; attempt++) {
    const answer = await ask(attempt);
    const body = await answer.text();
    if (!answer.ok) return { status: answer.status, body: JSON.parse(body) };
  }
  throw new Error("none of 2000 attempts was refused");
}

function manifestPath(reference: string): string {
  return `/v2/${REPOSITORY}/manifests/${reference}`;
}

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
