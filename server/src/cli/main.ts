/**
 * The command line beside `serve` and `verify`: it speaks to the running server and never to its rows. It finds it by the
 * socket in the data folder, or by --url and a token.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command, CommanderError } from "commander";
import { parseConfig, SOCKET_NAME } from "../config.ts";
import { accountCommand } from "./account.ts";
import { adminCommand } from "./admin.ts";
import { CommandError } from "./command-error.ts";
import { gcCommand } from "./gc.ts";
import { keysCommand } from "./keys.ts";
import type { Target } from "./server.ts";
import { tokenCommand } from "./token.ts";

/** Runs a command and returns its exit code: 0, 1 where it failed, 2 where it was given wrongly. */
export async function runCommand(argv: readonly string[]): Promise<number> {
  const program = new Command("boxyard")
    .description("speak to a running Boxyard")
    .option("--data <folder>", "the data folder of a server on this machine")
    .option("--url <url>", "a server anywhere, with --token-file")
    .option("--token-file <file>", "a file that holds an API token")
    .showSuggestionAfterError();
  const targetOf = () => findTarget(program.opts());
  const print = (text: string) => process.stdout.write(`${text}\n`);
  program.addCommand(gcCommand(targetOf, print));
  program.addCommand(keysCommand(targetOf, print));
  program.addCommand(tokenCommand(targetOf, print));
  program.addCommand(accountCommand(targetOf, print));
  program.addCommand(adminCommand(targetOf, print));
  throwInsteadOfExit(program);
  try {
    await program.parseAsync(argv, { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (!(error instanceof CommandError)) throw error;
    process.stderr.write(`boxyard: ${error.message}\n`);
    return 1;
  }
}

/** What is given wrongly is thrown, at every level: the process ends where it began. */
function throwInsteadOfExit(command: Command): void {
  command.exitOverride();
  for (const part of command.commands) throwInsteadOfExit(part);
}

function findTarget(options: { data?: string; url?: string; tokenFile?: string }): Target {
  if (options.url === undefined) {
    const { dataDir } = parseConfig(options.data === undefined ? [] : ["--data", options.data]);
    return { socketPath: join(dataDir, SOCKET_NAME) };
  }
  if (!URL.canParse(options.url))
    throw new CommandError(`--url: ${JSON.stringify(options.url)} is not a URL.`);
  if (options.tokenFile === undefined)
    throw new CommandError("--url needs a token: name a file that holds it with --token-file.");
  return { url: new URL(options.url), token: readToken(options.tokenFile) };
}

function readToken(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch (cause) {
    const reason = cause instanceof Error && "code" in cause ? String(cause.code) : "error";
    throw new CommandError(`--token-file: cannot read ${JSON.stringify(file)} (${reason}).`, undefined, {
      cause,
    });
  }
}
