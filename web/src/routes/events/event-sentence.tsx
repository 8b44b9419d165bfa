import type { Event as RegistryEvent } from "@boxyard/client";
import { Text } from "@mantine/core";
import { Link } from "../../components/link.tsx";
import { shortDigest } from "../../format.ts";
import { messages } from "../../messages.ts";
import classes from "./event-sentence.module.css";

/** What happened, and to what: "Pushed team/app:1.2". */
export function EventSentence({ registry, event }: { registry: string; event: RegistryEvent }) {
  const { kind, repository, tag, digest } = event;
  return (
    <Text span size="sm" className={classes.sentence}>
      {messages.activity.kinds[kind]}{" "}
      {repository !== null && (
        <>
          <Link to="/registries/$registry/repositories/$repository" params={{ registry, repository }}>
            {repository}
          </Link>
          {tag !== null && `:${tag}`}
        </>
      )}{" "}
      {repository !== null && digest !== null && (
        <Link
          to="/registries/$registry/repositories/$repository/manifests/$digest"
          params={{ registry, repository, digest }}
          search={tag === null ? {} : { tag }}
          className={classes.digest}
        >
          {shortDigest(digest)}
        </Link>
      )}
    </Text>
  );
}
