import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { deleteRegistry } from "../../commands.ts";
import { ConfirmDialog } from "../../components/dialog.tsx";
import { ScopedButton } from "../../components/scoped.tsx";
import { messages } from "../../messages.ts";
import { useDeleteRegistry } from "../../queries/registries.ts";

const text = messages.registries;

/** Deletes a registry, for who types its name. */
export function DeleteRegistryButton({ registry }: { registry: string }) {
  const [isOpen, setOpen] = useState(false);
  const deletion = useDeleteRegistry();
  const navigate = useNavigate();
  return (
    <>
      <ScopedButton
        size="xs"
        color="red"
        variant="subtle"
        scopes={["registry:delete"]}
        onClick={() => setOpen(true)}
      >
        {text.delete}
      </ScopedButton>
      <ConfirmDialog
        title={text.delete}
        opened={isOpen}
        onClose={() => setOpen(false)}
        confirm={text.delete}
        typed={registry}
        command={deleteRegistry(registry)}
        isPending={deletion.isPending}
        error={deletion.error}
        onConfirm={() => deletion.mutate(registry, { onSuccess: () => navigate({ to: "/registries" }) })}
      >
        {text.confirm}
      </ConfirmDialog>
    </>
  );
}
