import { Anchor, Group, SegmentedControl, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { CopyButton } from "../../components/copy.tsx";
import { Section } from "../../components/page.tsx";
import { Loaded } from "../../components/states.tsx";
import { messages } from "../../messages.ts";
import { type ManifestPlace, rawPath, rawQuery } from "../../queries/manifests.ts";
import classes from "./raw.module.css";

const text = messages.raw;

/** The documents as they were pushed, indented. */
export function Raw({
  place,
  indexPlace,
  hasConfig,
}: {
  place: ManifestPlace;
  indexPlace: ManifestPlace | undefined;
  hasConfig: boolean;
}) {
  const documents = [
    ...(indexPlace === undefined ? [] : [{ value: "index", place: indexPlace, part: "raw" as const }]),
    { value: "manifest", place, part: "raw" as const },
    ...(hasConfig ? [{ value: "config", place, part: "config" as const }] : []),
  ];
  const [chosen, setChosen] = useState("manifest");
  const document = documents.find(({ value }) => value === chosen) ?? { place, part: "raw" as const };
  const query = useQuery(rawQuery(document.place, document.part));
  return (
    <Section
      title={text.title}
      actions={
        <Group gap="sm">
          <Anchor href={rawPath(document.place, document.part)} download size="sm">
            {text.download}
          </Anchor>
          {query.data !== undefined && <CopyButton text={query.data} what={text.document} />}
        </Group>
      }
    >
      <Stack gap="sm">
        <SegmentedControl
          aria-label={text.which}
          value={chosen}
          onChange={setChosen}
          data={documents.map(({ value }) => ({ value, label: text.documents[value] ?? value }))}
        />
        <Loaded query={query} lines={10}>
          {(document) => (
            // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls.
            <pre className={classes.text} tabIndex={0}>
              {indent(document)}
            </pre>
          )}
        </Loaded>
      </Stack>
    </Section>
  );
}

/** Some of what is pushed as JSON is none. */
function indent(document: string): string {
  try {
    return JSON.stringify(JSON.parse(document), null, 2);
  } catch {
    return document;
  }
}
