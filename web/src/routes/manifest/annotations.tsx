import { messages } from "../../messages.ts";
import { KeyValues } from "./key-values.tsx";

export function Annotations({ annotations }: { annotations: Readonly<Record<string, string>> }) {
  const entries = Object.entries(annotations);
  if (entries.length === 0) return null;
  return (
    <details>
      <summary>{messages.manifest.annotations(entries.length)}</summary>
      <KeyValues label={messages.manifest.annotations(entries.length)} entries={entries} />
    </details>
  );
}
