/** Small facts, each written one way: sizes, times, digests, platforms. */
import { Badge, Code, Group, Tooltip } from "@mantine/core";
import type { ReactNode } from "react";
import {
  formatBytes,
  formatCount,
  formatDateTime,
  formatPlatform,
  formatRelative,
  shortDigest,
} from "../format.ts";
import { messages } from "../messages.ts";
import { CopyButton } from "./copy.tsx";
import classes from "./facts.module.css";

export function Bytes({ value }: { value: number }) {
  return (
    <data className={classes.number} value={value} title={messages.facts.bytes(formatCount(value))}>
      {formatBytes(value)}
    </data>
  );
}

/** How long ago; the exact time on hover. `null` is never. */
export function Time({ value }: { value: string | null }) {
  if (value === null) return <span className={classes.none}>{messages.facts.never}</span>;
  return (
    <time className={classes.time} dateTime={value} title={`${formatDateTime(value)} (${value})`}>
      {formatRelative(value)}
    </time>
  );
}

export function Digest({ value }: { value: string }) {
  return (
    <Group gap={4} wrap="nowrap" component="span">
      <Code title={value}>{shortDigest(value)}</Code>
      <CopyButton text={value} what={messages.facts.digest} />
    </Group>
  );
}

export interface PlatformName {
  os: string;
  architecture: string;
  variant?: string | undefined;
}

const MAX_CHIPS = 4;

/** What an image runs on, a chip each. Where sizes are known they are on hover. */
export function Platforms({ value }: { value: readonly (PlatformName & { size_bytes?: number })[] }) {
  const rest = value.slice(MAX_CHIPS).map(formatPlatform);
  return (
    <Group gap={4}>
      {value.slice(0, MAX_CHIPS).map((platform) => {
        const name = formatPlatform(platform);
        const size = platform.size_bytes;
        return (
          <Chip key={name} title={size === undefined ? name : `${name}: ${formatBytes(size)}`}>
            {name}
          </Chip>
        );
      })}
      {rest.length > 0 && <Chip title={rest.join(", ")}>{`+${rest.length}`}</Chip>}
    </Group>
  );
}

export function Chip({
  children,
  title,
  color = "gray",
}: {
  children: ReactNode;
  title?: string | undefined;
  color?: "gray" | "blue" | "green" | "red" | "yellow" | undefined;
}) {
  const chip = (
    <Badge variant="light" color={color} radius="sm" tt="none" fw={500}>
      {children}
    </Badge>
  );
  return title === undefined ? chip : <Tooltip label={title}>{chip}</Tooltip>;
}

/** Facts under their names. */
export function FactList({
  facts,
}: {
  facts: readonly (readonly [name: string, value: ReactNode] | undefined | false)[];
}) {
  return (
    <dl className={classes.list}>
      {facts.map(
        (fact) =>
          fact && (
            <div key={fact[0]} className={classes.fact}>
              <dt>{fact[0]}</dt>
              <dd>{fact[1]}</dd>
            </div>
          ),
      )}
    </dl>
  );
}
