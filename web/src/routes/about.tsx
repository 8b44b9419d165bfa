import { Anchor, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { CopyCommand } from "../components/copy.tsx";
import { FactList } from "../components/facts.tsx";
import { Page, Section } from "../components/page.tsx";
import { Loaded } from "../components/states.tsx";
import { messages } from "../messages.ts";
import { aboutQuery } from "../queries/registries.ts";
import { useSession } from "../queries/session.ts";

const text = messages.about;

export function AboutPage() {
  const query = useQuery(aboutQuery);
  const { registry_host: host } = useSession();
  return (
    <Page title={text.title}>
      <Stack gap="md" maw={820}>
        <Section title={text.server}>
          <Loaded query={query}>
            {(about) => (
              <FactList
                facts={[
                  [text.version, about.version],
                  [text.host, host],
                  [text.url, about.public_url ?? text.noUrl],
                  [text.database, about.database],
                  [text.storage, about.storage],
                  [text.tls, about.tls ? text.tlsOn : text.tlsOff],
                  [text.limits, text.limitWords[about.limits]],
                ]}
              />
            )}
          </Loaded>
        </Section>
        <Section title={text.api}>
          <Text>
            {text.apiHint} <Anchor href="/docs">{text.reference}</Anchor>
          </Text>
          <CopyCommand
            text={`curl --header "Authorization: Bearer $(cat token)" ${window.location.origin}/v2/registries`}
          />
        </Section>
        <Section title={text.check}>
          <Text>{text.checkHint}</Text>
          <CopyCommand text="boxyard verify" />
        </Section>
      </Stack>
    </Page>
  );
}
