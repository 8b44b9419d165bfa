import type { Token } from "@boxyard/client";
import { notifications } from "@mantine/notifications";
import { revokeToken } from "../../commands.ts";
import { ConfirmDialog } from "../../components/dialog.tsx";
import { messages } from "../../messages.ts";
import { useSession } from "../../queries/session.ts";
import { useRevokeToken } from "../../queries/tokens.ts";

const text = messages.revokeToken;

export function RevokeTokenDialog({ token, onClose }: { token: Token; onClose: () => void }) {
  const revocation = useRevokeToken();
  const isOwn = useSession().token.id === token.id;
  return (
    <ConfirmDialog
      title={text.title(token.name)}
      opened
      onClose={onClose}
      confirm={text.submit}
      command={revokeToken(token.id)}
      isPending={revocation.isPending}
      error={revocation.error}
      onConfirm={() =>
        revocation.mutate(token.id, {
          onSuccess: () => {
            onClose();
            notifications.show({ message: text.revoked(token.name) });
          },
        })
      }
    >
      {isOwn ? text.own : text.lead}
    </ConfirmDialog>
  );
}
