/** What stands where content would: while it loads, where it failed, where there is none. */
import { ApiError } from "@boxyard/client";
import { Alert, Button, Skeleton, Stack, Text, Title } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import { CircleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { messages } from "../messages.ts";
import classes from "./states.module.css";

/** The query's data, as `children` draw it, or what stands in for it. Data that is there stays, whatever comes later. */
export function Loaded<Data>({
  query,
  children,
  lines = 4,
}: {
  query: UseQueryResult<Data>;
  children: (data: Data) => ReactNode;
  lines?: number;
}) {
  if (query.data !== undefined) return children(query.data);
  if (query.isError) return <Failure error={query.error} onRetry={() => void query.refetch()} />;
  return <Loading lines={lines} />;
}

export function Loading({ lines = 4 }: { lines?: number }) {
  return (
    <Stack gap="sm" role="status" aria-label={messages.states.loading}>
      {Array.from({ length: lines }, (_, line) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the lines are all alike.
        <Skeleton key={line} height={20} />
      ))}
    </Stack>
  );
}

export function Failure({ error, onRetry }: { error: Error; onRetry?: (() => void) | undefined }) {
  return (
    <Alert
      color="red"
      role="alert"
      icon={<CircleAlert aria-hidden />}
      title={isNotFound(error) ? messages.states.notFound : messages.states.failed}
    >
      <Stack gap="xs" align="flex-start">
        <Text size="sm">{describeError(error)}</Text>
        {onRetry !== undefined && !isNotFound(error) && (
          <Button size="xs" variant="default" onClick={onRetry}>
            {messages.states.retry}
          </Button>
        )}
      </Stack>
    </Alert>
  );
}

/** An error in a form, beside what was to be done. */
export function FormError({ error }: { error: Error | null }) {
  return error === null ? null : <Failure error={error} />;
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <Stack className={classes.empty} align="center" gap="xs">
      <Title order={2} size="h4">
        {title}
      </Title>
      {children}
    </Stack>
  );
}

export function isNotFound(error: Error): boolean {
  return error instanceof ApiError && error.status === 404;
}

/** The server's sentence, with what finds the request in its log. */
export function describeError(error: Error): string {
  if (!(error instanceof ApiError)) return messages.states.unreachable;
  if (error.status < 500 || error.requestId === undefined) return error.message;
  return messages.states.withRequest(error.message, error.requestId);
}
