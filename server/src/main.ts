/**
 * The process: read the configuration, take the data folder, open the backend, listen, and on a signal stop.
 * Each part is released in the opposite order, whether it was stopped or never came to listen.
 */

import { existsSync } from "node:fs";
import { rm, statfs } from "node:fs/promises";
import { flushCompileCache } from "node:module";
import { join } from "node:path";
import { type App, buildApp } from "./app.ts";
import { ensureOwner } from "./auth/owner.ts";
import { createSetupCode } from "./auth/sessions.ts";
import { type Config, findQuestion, helpText, parseConfig } from "./config.ts";
import { startBackgroundWork } from "./gc/background.ts";
import { banner, firstLoginText, isLoopback, publicUrlOf, type Start } from "./process/banner.ts";
import { watchConnections } from "./process/connections.ts";
import { type DataFolder, putPrivateFile, takeDataFolder } from "./process/data-folder.ts";
import { LocalConnections, listenLocally } from "./process/local-socket.ts";
import { LogStream } from "./process/log-stream.ts";
import { StartError } from "./process/start-error.ts";
import { explainBackendFailure, explainListenFailure } from "./process/start-failures.ts";
import { openBackend } from "./registry/backend.ts";
import { VERSION } from "./version.ts";

const STOP_SECONDS = 30;
/** `npm start` hands on the Ctrl-C that the terminal has sent to the server as well: that is one signal, not two. */
const SAME_SIGNAL_MS = 500;
const SIGNALS = { SIGINT: 2, SIGTERM: 15 } as const;
/** What speaks to the running server. */
const CLI_COMMANDS = new Set(["gc", "keys", "token", "account", "admin"]);
const FIRST_LOGIN = "first-login.txt";

async function serve(config: Config): Promise<void> {
  using folder = takeDataFolder(config.dataDir);
  const uploadLimits = { sessions: config.maxUploads, stagedBytes: config.maxStagedBytes };
  await using backend = await openBackend({ ...config, uploadLimits }).catch((error: unknown) => {
    throw explainBackendFailure(error, config);
  });
  const isTerminal = process.stdout.isTTY;
  let setupCode = "";
  const newToken = await ensureOwner(backend, {
    pinnedToken: config.ownerToken,
    // In a file even if there is a terminal to print it to: should this start fail before it does, the token is not lost.
    handOver: async (token) => {
      setupCode = (await createSetupCode(backend)).code;
      const file = join(folder.path, FIRST_LOGIN);
      const text = firstLoginText(findUrl(config, config.port), { file, ownerToken: token, setupCode });
      await putPrivateFile(folder, FIRST_LOGIN, text);
    },
  });

  // The token that the file holds is no longer the owner's.
  if (config.ownerToken !== undefined) await rm(join(folder.path, FIRST_LOGIN), { force: true });

  const readiness = { stopping: false };
  const local = new LocalConnections();
  await using app = await buildApp(backend, {
    publicUrl: config.publicUrl,
    trustedProxies: config.trustedProxies,
    // On a terminal the banner is the output.
    logger: { level: isTerminal ? "warn" : "info", stream: new LogStream() },
    readiness,
    rateLimits: config.rateLimits,
    openMetrics: config.metrics === "open",
    isLocal: (request) => local.has(request),
  });
  endOnBugs(app);
  await using _work = startBackgroundWork(backend, (error) => {
    app.log.error({ err: error }, "background work failed: it is tried again");
  });
  const connections = watchConnections(app.server);
  await app.listen({ port: config.port, host: config.host }).catch((error: unknown) => {
    throw explainListenFailure(error, config);
  });
  await using socket = await listenLocally(folder.path, local, app.routing);
  if (socket.path === undefined)
    app.log.warn("the data folder's path is too long for the command line's socket");
  const stopSignal = nextStopSignal();

  const start = await describeStart(config, portOf(app));
  if (isTerminal)
    await greet(
      config,
      folder,
      start,
      newToken === undefined ? undefined : { ownerToken: newToken, setupCode },
    );
  else logStart(app, folder, start, newToken !== undefined);
  flushCompileCache();

  const signal = await stopSignal;
  readiness.stopping = true;
  app.log.info({ signal }, "stopping");
  await connections.drain(STOP_SECONDS);
  await app.close();
}

async function describeStart(config: Config, port: number): Promise<Start> {
  const url = findUrl(config, port);
  const { bavail, bsize } = await statfs(config.dataDir);
  return {
    version: VERSION,
    url,
    isPlainToOthers: url.protocol === "http:" && !isLoopback(config.host),
    dataDir: config.dataDir,
    database: config.dbUrl === undefined ? "SQLite" : "PostgreSQL",
    freeBytes: bavail * bsize,
  };
}

/** Prints what a person needs, what a first start has made included; having been shown, it is kept nowhere. */
async function greet(
  config: Config,
  folder: DataFolder,
  start: Start,
  made: { ownerToken: string; setupCode: string } | undefined,
): Promise<void> {
  const file = join(folder.path, FIRST_LOGIN);
  const isWaiting = made === undefined && config.ownerToken === undefined && existsSync(file);
  process.stdout.write(banner(start, { made, tokenFile: isWaiting ? file : undefined }));
  if (made !== undefined) await rm(file);
}

function logStart(app: App, folder: DataFolder, start: Start, isFirst: boolean): void {
  const { version, url, dataDir, database } = start;
  app.log.info({ version, port: portOf(app), url: url.origin, data_folder: dataDir, database }, "started");
  const setupFile = join(folder.path, FIRST_LOGIN);
  if (isFirst) app.log.info({ setup_file: setupFile }, "first start");
  else if (existsSync(setupFile)) {
    app.log.info(
      { setup_file: setupFile },
      "the owner's token from the first start: keep it, delete the file",
    );
  }
}

function findUrl({ publicUrl, host }: Config, port: number): URL {
  return publicUrl ?? publicUrlOf(host, port);
}

/** The port that the app listens on. */
function portOf(app: App): number {
  const address = app.server.address();
  if (address === null || typeof address === "string") throw new Error("the app does not listen on a port");
  return address.port;
}

/** The first signal to stop. Another one while the server is stopping ends the process at once. */
function nextStopSignal(): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let stoppingSince: number | undefined;
  for (const [signal, number] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      resolve(signal);
      stoppingSince ??= performance.now();
      if (performance.now() - stoppingSince > SAME_SIGNAL_MS) process.exit(128 + number);
    });
  }
  return promise;
}

/** What nobody caught is logged and ends the process: every state that a crash leaves is one to start from. */
function endOnBugs(app: App): void {
  process.on("uncaughtException", (error) => {
    app.log.fatal(error);
    process.exit(1);
  });
}

async function verifyCommand(argv: readonly string[]): Promise<void> {
  const flags = ["--full", "--repair"];
  const config = parseConfig(argv.filter((argument) => !flags.includes(argument)));
  const { runVerify } = await import("./verify.ts");
  process.exitCode = await runVerify(config, {
    full: argv.includes("--full"),
    repair: argv.includes("--repair"),
  });
}

async function cliCommand(argv: readonly string[]): Promise<void> {
  const { runCommand } = await import("./cli/main.ts");
  process.exitCode = await runCommand(argv);
}

// What is made here holds secrets: nobody else on this machine reads it.
process.umask(0o077);
try {
  const argv = process.argv.slice(2);
  const question = findQuestion(argv);
  const command = argv[0]?.startsWith("-") === false ? (argv.shift() ?? "") : "serve";
  if (question === "help" && !CLI_COMMANDS.has(command)) process.stdout.write(helpText());
  else if (question === "version") process.stdout.write(`boxyard ${VERSION}\n`);
  else if (command === "serve") await serve(parseConfig(argv));
  else if (command === "verify") await verifyCommand(argv);
  else if (CLI_COMMANDS.has(command)) await cliCommand([command, ...argv]);
  else {
    throw new StartError(
      `there is no command ${JSON.stringify(command)}. The commands are serve, verify, gc, keys, token, account and admin; --help says more.`,
    );
  }
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  process.stderr.write(`boxyard: ${error.message}\n`);
  process.exitCode = 2;
}
