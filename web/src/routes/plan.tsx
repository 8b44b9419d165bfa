import type { OfferedTier, Subscription } from "@boxyard/client";
import { Paper, Stack, Text, Title } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { changeTier } from "../commands.ts";
import { CopyCommand } from "../components/copy.tsx";
import { Chip, FactList } from "../components/facts.tsx";
import { Cards, Page } from "../components/page.tsx";
import { ScopedButton } from "../components/scoped.tsx";
import { FormError, Loaded } from "../components/states.tsx";
import { formatBytes, formatCount } from "../format.ts";
import { messages } from "../messages.ts";
import { aboutQuery } from "../queries/registries.ts";
import { offeredQuery, subscriptionQuery, useChangeTier } from "../queries/subscription.ts";

const text = messages.plan;

export function PlanPage() {
  const subscription = useQuery(subscriptionQuery);
  const offered = useQuery(offeredQuery);
  const { data: about } = useQuery(aboutQuery);
  return (
    <Page title={text.title} lead={about?.limits === "none" ? text.notEnforced : text.lead}>
      <Loaded query={subscription}>
        {(current) => (
          <Loaded query={offered}>
            {({ subscription_tiers: tiers }) => (
              <Cards>
                {tiers.map((tier) => (
                  <TierCard key={tier.slug} tier={tier} subscription={current} />
                ))}
              </Cards>
            )}
          </Loaded>
        )}
      </Loaded>
    </Page>
  );
}

function TierCard({ tier, subscription }: { tier: OfferedTier; subscription: Subscription | null }) {
  const change = useChangeTier();
  const [isAsking, setAsking] = useState(false);
  const isCurrent = subscription?.tier.slug === tier.slug;
  const reasons = tier.eligible ? [] : (tier.eligibility_reasons ?? []);
  return (
    <Paper component="section" aria-label={tier.name} withBorder p="md" radius="md">
      <Stack h="100%">
        <Title order={2} size="h4">
          {tier.name} {isCurrent && <Chip color="green">{text.current}</Chip>}
        </Title>
        <FactList
          facts={[
            [
              messages.repositories.title,
              tier.included_repositories === 0 ? text.unlimited : formatCount(tier.included_repositories),
            ],
            [
              text.storage,
              tier.allow_storage_overage
                ? text.andMore(formatBytes(tier.included_storage_bytes))
                : formatBytes(tier.included_storage_bytes),
            ],
          ]}
        />
        {reasons.map((reason) => (
          <Text key={reason} size="sm" c="yellow">
            {text.reasons[reason]}
          </Text>
        ))}
        {!isCurrent && subscription !== null && (
          <Stack gap="sm" mt="auto">
            {isAsking && <CopyCommand text={changeTier(window.location.origin, tier.slug)} />}
            <FormError error={change.error} />
            <ScopedButton
              scopes={["registry:update"]}
              variant={isAsking ? "filled" : "default"}
              loading={change.isPending}
              disabledBecause={reasons[0] === undefined ? undefined : text.reasons[reasons[0]]}
              onClick={() => {
                if (!isAsking) return setAsking(true);
                change.mutate(tier.slug, {
                  onSuccess: () => notifications.show({ color: "green", message: text.changed(tier.name) }),
                });
              }}
            >
              {isAsking ? text.confirm(tier.name) : text.change(tier.name)}
            </ScopedButton>
          </Stack>
        )}
      </Stack>
    </Paper>
  );
}
