import { Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { Page } from "../../components/page.tsx";
import { Loaded } from "../../components/states.tsx";
import { messages } from "../../messages.ts";
import { activeCollectionQuery, isActive } from "../../queries/garbage-collections.ts";
import { CollectionHistory } from "./history.tsx";
import { CollectionPreview } from "./preview.tsx";
import { CollectionProgress } from "./progress.tsx";
import { CollectionSchedule } from "./schedule.tsx";

export function CleanUpPage() {
  const { registry } = useParams({ from: "/panel/registries/$registry/clean-up" });
  const active = useQuery(activeCollectionQuery(registry));
  return (
    <Page title={messages.cleanUp.title} lead={messages.cleanUp.lead}>
      <Stack gap="md">
        <Loaded query={active}>
          {(run) =>
            run !== null && isActive(run) ? (
              <CollectionProgress registry={registry} run={run} />
            ) : (
              <CollectionPreview registry={registry} />
            )
          }
        </Loaded>
        <CollectionHistory registry={registry} />
        <CollectionSchedule registry={registry} />
      </Stack>
    </Page>
  );
}
