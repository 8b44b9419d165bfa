import { ActionIcon, Button, Tooltip } from "@mantine/core";
import { useClipboard } from "@mantine/hooks";
import { Check, Copy } from "lucide-react";
import { messages } from "../messages.ts";
import classes from "./copy.module.css";

/** Copies a text; says so in its tooltip and to screen readers. `what` is what it copies: "digest". */
export function CopyButton({ text, what }: { text: string; what: string }) {
  const { copy, copied } = useClipboard();
  const label = copied ? messages.copy.copied : messages.copy.copy(what);
  return (
    <Tooltip label={label}>
      <ActionIcon variant="subtle" color="gray" aria-label={label} onClick={() => copy(text)}>
        {copied ? <Check size={16} aria-hidden /> : <Copy size={16} aria-hidden />}
      </ActionIcon>
    </Tooltip>
  );
}

/** A command for a shell, or a file's text, with a button that copies it. */
export function CopyCommand({ text, file }: { text: string; file?: string | undefined }) {
  const { copy, copied } = useClipboard();
  const hasPrompt = file === undefined && !text.includes("\n");
  return (
    <figure className={classes.command}>
      {file !== undefined && <figcaption className={classes.file}>{file}</figcaption>}
      {/* Long lines scroll, so the keyboard has to get there. */}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls. */}
      <pre className={classes.text} tabIndex={0} data-prompt={hasPrompt || undefined}>
        {text}
      </pre>
      <Button
        className={classes.button}
        size="compact-xs"
        variant="default"
        aria-label={copied ? messages.copy.copied : messages.copy.copy(text.split("\n")[0] ?? "")}
        leftSection={copied ? <Check size={14} aria-hidden /> : <Copy size={14} aria-hidden />}
        onClick={() => copy(text)}
      >
        {copied ? messages.copy.copied : messages.copy.short}
      </Button>
    </figure>
  );
}
