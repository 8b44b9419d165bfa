import { Button, type ButtonProps, Tooltip } from "@mantine/core";
import type { MouseEventHandler, ReactNode } from "react";
import { messages } from "../messages.ts";
import { findMissingScope, type Scope, useSession } from "../queries/session.ts";

/** A button for what takes scopes. Where the token lacks one it stays in sight, and says which. */
export function ScopedButton({
  scopes,
  disabledBecause,
  onClick,
  children,
  ...props
}: ButtonProps & {
  scopes: readonly Scope[];
  /** Why it cannot be used now, whoever asks. */
  disabledBecause?: string | undefined;
  onClick?: MouseEventHandler<HTMLButtonElement>;
  type?: "button" | "submit";
  children: ReactNode;
}) {
  const missing = findMissingScope(useSession(), scopes);
  const reason = missing === undefined ? disabledBecause : messages.scopes.missing(missing);
  if (reason === undefined) {
    return (
      <Button {...props} {...(onClick && { onClick })}>
        {children}
      </Button>
    );
  }
  // Not `disabled`: the keyboard and screen readers have to get to the reason.
  return (
    <Tooltip label={reason} multiline maw={320}>
      <Button
        {...props}
        data-disabled
        aria-disabled
        aria-description={reason}
        onClick={(event) => event.preventDefault()}
      >
        {children}
      </Button>
    </Tooltip>
  );
}

/** Says once, above a form, which scope the token lacks for it. */
export function useMissingScope(...scopes: readonly Scope[]): string | undefined {
  const missing = findMissingScope(useSession(), scopes);
  return missing === undefined ? undefined : messages.scopes.missing(missing);
}
