import type { HistoryEntry } from "@boxyard/client";
import { Time } from "../../components/facts.tsx";
import { Section } from "../../components/page.tsx";
import { Empty } from "../../components/states.tsx";
import { formatBytes } from "../../format.ts";
import { messages } from "../../messages.ts";
import classes from "./dockerfile.module.css";
import { dockerfileLine } from "./dockerfile-line.ts";

/** An image's history, as the Dockerfile that it may have come from. */
export function Dockerfile({ history }: { history: readonly HistoryEntry[] }) {
  const text = messages.dockerfile;
  if (history.length === 0) return <Empty title={text.none} />;
  return (
    <Section title={text.title}>
      <ol className={classes.steps}>
        {history.map((step, index) => {
          const { instruction, rest } = dockerfileLine(step.created_by ?? "");
          return (
            // biome-ignore lint/suspicious/noArrayIndexKey: steps may be alike, and never change.
            <li key={index} className={classes.step}>
              <pre className={classes.line}>
                <b>{instruction}</b> {rest}
              </pre>
              <span className={classes.facts}>
                {step.empty_layer || step.size_bytes === null ? text.empty : formatBytes(step.size_bytes)}
                {step.created !== null && (
                  <>
                    {" · "}
                    <Time value={step.created} />
                  </>
                )}
                {step.comment !== null && step.comment !== "" && ` · ${step.comment}`}
              </span>
            </li>
          );
        })}
      </ol>
    </Section>
  );
}
