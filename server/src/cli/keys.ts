import { Command } from "commander";
import { call, type Target } from "./server.ts";

interface SigningKey {
  id: string;
  created_at: string;
}

/** `boxyard keys …`. */
export function keysCommand(targetOf: () => Target, print: (text: string) => void): Command {
  const keys = new Command("keys").description("the keys that sign the data plane's tokens");

  keys
    .command("rotate")
    .description("sign with a new key from now on; tokens that are out live to their end")
    .action(async () => {
      const { signing_key: key } = await call<{ signing_key: SigningKey }>(
        targetOf(),
        "POST",
        "/api/v1/signing-keys",
      );
      print(`tokens are signed with ${key.id} from now on`);
    });

  return keys;
}
