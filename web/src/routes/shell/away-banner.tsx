import { Alert } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { CloudOff } from "lucide-react";
import { useEffect } from "react";
import { probeServer } from "../../api/client.ts";
import { useServerReachable } from "../../api/server-status.ts";
import { messages } from "../../messages.ts";

const PROBE_MS = 2000;

/** Says that the server does not answer, and looks whether it does again. What is on the page stays. */
export function AwayBanner() {
  const isReachable = useServerReachable();
  const queryClient = useQueryClient();
  useEffect(() => {
    if (isReachable) return;
    const timer = setInterval(() => void probeServer(), PROBE_MS);
    return () => {
      clearInterval(timer);
      void queryClient.invalidateQueries();
    };
  }, [isReachable, queryClient]);
  if (isReachable) return null;
  return (
    <Alert color="yellow" role="alert" icon={<CloudOff aria-hidden />} title={messages.away.title}>
      {messages.away.text}
    </Alert>
  );
}
