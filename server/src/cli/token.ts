import { Command } from "commander";
import { parseDurationSeconds } from "../setting-values.ts";
import { listAll } from "./pages.ts";
import { call, type Target } from "./server.ts";
import { tableOf } from "./table.ts";

interface Token {
  id: number;
  name: string;
  kind: string;
  scopes: string[];
  registry_name: string | null;
  created_at: string;
  expires_at: string | null;
  last_used_at: string | null;
}

/** `boxyard token …`. A new token's secret is all that goes to standard output, ready for a file. */
export function tokenCommand(targetOf: () => Target, print: (text: string) => void): Command {
  const command = new Command("token").description("API tokens and docker credentials of an account");

  command
    .command("create")
    .description("make an API token, and print its secret: it is shown this once")
    .argument("<name>", "what you call it")
    .requiredOption("--scopes <list>", "what it may do, such as read,write or registry:read,registry:update")
    .option("--expires <time>", "how long it lives, such as 720h; for ever where this is missing")
    .option("--account <name>", "another account than the own, for the operator")
    .option("--json", "print the server's answer as it is")
    .action(
      async (name: string, options: { scopes: string; expires?: string; account?: string; json?: true }) => {
        const { token } = await call<{ token: Token & { secret: string } }>(
          targetOf(),
          "POST",
          pathOf(options.account),
          {
            name,
            scopes: options.scopes.split(","),
            ...(options.expires === undefined
              ? {}
              : { expiry_seconds: parseDurationSeconds(options.expires, "--expires", { least: "1s" }) }),
          },
        );
        print(options.json ? pretty(token) : token.secret);
      },
    );

  command
    .command("list")
    .description("newest first")
    .option("--account <name>", "another account than the own, for the operator")
    .option("--json", "print the server's answer as it is")
    .action(async (options: { account?: string; json?: true }) => {
      const tokens = await listAll<Token>(targetOf(), pathOf(options.account), "tokens");
      if (options.json) return print(pretty(tokens));
      const rows = tokens.map((token) => [
        String(token.id),
        token.name,
        token.kind,
        token.scopes.join(","),
        token.expires_at ?? "never",
        token.last_used_at ?? "never",
      ]);
      print(tableOf(["ID", "NAME", "KIND", "SCOPES", "EXPIRES", "LAST USED"], rows));
    });

  command
    .command("revoke")
    .description("end a token: it opens nothing from now on")
    .argument("<id>", "as the list has it")
    .action(async (id: string) => {
      await call(targetOf(), "DELETE", `/api/v1/tokens/${encodeURIComponent(id)}`);
      print(`revoked ${id}`);
    });

  return command;
}

function pathOf(account: string | undefined): string {
  return account === undefined ? "/api/v1/tokens" : `/api/v1/accounts/${encodeURIComponent(account)}/tokens`;
}

function pretty(value: unknown): string {
  return JSON.stringify(value, null, 2);
}
