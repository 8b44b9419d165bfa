import { Command } from "commander";
import { listAll } from "./pages.ts";
import { call, type Target } from "./server.ts";
import { tableOf } from "./table.ts";

interface Account {
  uuid: string;
  name: string;
  created_at: string;
}

/** `boxyard account …`, for the operator. */
export function accountCommand(targetOf: () => Target, print: (text: string) => void): Command {
  const command = new Command("account").description(
    "accounts, each with its own registries, subscription and tokens",
  );

  command
    .command("create")
    .description("make an account")
    .argument("<name>")
    .action(async (name: string) => {
      const { account } = await call<{ account: Account }>(targetOf(), "POST", "/api/v1/accounts", { name });
      print(`made the account ${account.name}; next: boxyard token create --account ${account.name}`);
    });

  command
    .command("list")
    .description("accounts, by name")
    .option("--json", "print the server's answer as it is")
    .action(async (options: { json?: true }) => {
      const accounts = await listAll<Account>(targetOf(), "/api/v1/accounts", "accounts");
      if (options.json) return print(JSON.stringify(accounts, null, 2));
      const rows = accounts.map(({ name, created_at: created, uuid }) => [name, created, uuid]);
      print(tableOf(["NAME", "CREATED", "UUID"], rows));
    });

  return command;
}
