import { Command } from "commander";
import { call, type Target } from "./server.ts";

/** `boxyard admin …`, for the operator. */
export function adminCommand(targetOf: () => Target, print: (text: string) => void): Command {
  const command = new Command("admin").description("what the operator does about the panel");

  command
    .command("link")
    .description("print a link that opens the panel as the owner, once, within 30 minutes")
    .action(async () => {
      const answer = await call<{ setup_link: { url: string } }>(targetOf(), "POST", "/api/v1/setup-links");
      print(answer.setup_link.url);
    });

  return command;
}
