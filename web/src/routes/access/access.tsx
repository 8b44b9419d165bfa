import type { NewToken, Token } from "@boxyard/client";
import { Alert, Button, Group, Stack } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type Column, DataTable, Narrow } from "../../components/data-table.tsx";
import { Chip, Time } from "../../components/facts.tsx";
import { Page } from "../../components/page.tsx";
import { ScopedButton, useMissingScope } from "../../components/scoped.tsx";
import { Empty } from "../../components/states.tsx";
import { messages } from "../../messages.ts";
import { useSession } from "../../queries/session.ts";
import { tokensQuery } from "../../queries/tokens.ts";
import { CreateTokenDialog } from "./create-token.tsx";
import { RevokeTokenDialog } from "./revoke-token.tsx";
import { UseTokenDialog } from "./use-token.tsx";

const text = messages.access;

export function AccessPage() {
  const { token: own } = useSession();
  const missing = useMissingScope("account:read");
  const query = useInfiniteQuery({ ...tokensQuery, enabled: missing === undefined });
  const [isCreating, setCreating] = useState(false);
  const [revoked, setRevoked] = useState<Token | undefined>();
  const [used, setUsed] = useState<Token | NewToken | undefined>();
  return (
    <Page
      title={text.title}
      lead={text.lead}
      actions={
        <ScopedButton scopes={["account:read", "registry:create"]} onClick={() => setCreating(true)}>
          {text.create}
        </ScopedButton>
      }
    >
      {missing === undefined ? (
        <DataTable<Token>
          label={text.tokens}
          query={query}
          columns={columnsFor({ ownId: own.id, onUse: setUsed, onRevoke: setRevoked })}
          keyOf={({ id }) => String(id)}
          empty={<Empty title={text.none} />}
        />
      ) : (
        <Alert color="yellow">{missing}</Alert>
      )}
      {isCreating && (
        <CreateTokenDialog
          onClose={() => setCreating(false)}
          onCreated={(token) => {
            setCreating(false);
            setUsed(token);
          }}
        />
      )}
      {used !== undefined && <UseTokenDialog token={used} onClose={() => setUsed(undefined)} />}
      {revoked !== undefined && <RevokeTokenDialog token={revoked} onClose={() => setRevoked(undefined)} />}
    </Page>
  );
}

function columnsFor({
  ownId,
  onUse,
  onRevoke,
}: {
  ownId: number;
  onUse: (token: Token) => void;
  onRevoke: (token: Token) => void;
}): Column<Token>[] {
  return [
    {
      id: "name",
      title: text.name,
      cell: (token) => (
        <>
          <Group gap={6}>
            {token.name}
            {token.id === ownId && <Chip color="green">{text.own}</Chip>}
          </Group>
          <Narrow>{token.scopes.join(", ")}</Narrow>
        </>
      ),
    },
    { id: "kind", title: text.kind, width: 150, from: "md", cell: ({ kind }) => text.kinds[kind] },
    {
      id: "scopes",
      title: text.scopes,
      from: "sm",
      cell: ({ scopes, registry_name }) => (
        <Stack gap={4}>
          <Group gap={4}>
            {scopes.map((scope) => (
              <Chip key={scope}>{scope}</Chip>
            ))}
          </Group>
          {registry_name !== null && text.only(registry_name)}
        </Stack>
      ),
    },
    {
      id: "expires",
      title: text.expires,
      width: 130,
      from: "md",
      cell: ({ expires_at }) => <Time value={expires_at} />,
    },
    {
      id: "used",
      title: text.lastUsed,
      width: 130,
      from: "md",
      cell: ({ last_used_at }) => <Time value={last_used_at} />,
    },
    {
      id: "actions",
      title: text.actions,
      width: 170,
      cell: (token) => (
        <Group gap={6} wrap="nowrap">
          <Button size="compact-sm" variant="default" onClick={() => onUse(token)}>
            {text.use}
          </Button>
          <ScopedButton
            size="compact-sm"
            variant="subtle"
            color="red"
            scopes={["account:read", "registry:delete"]}
            disabledBecause={token.kind === "owner" ? text.ownerStays : undefined}
            onClick={() => onRevoke(token)}
          >
            {text.revoke}
          </ScopedButton>
        </Group>
      ),
    },
  ];
}
