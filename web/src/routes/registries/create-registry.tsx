import type { RegistriesCreateParameters } from "@boxyard/client";
import { Group, Loader, NativeSelect, Stack, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Check } from "lucide-react";
import { useState } from "react";
import { createRegistry } from "../../commands.ts";
import { CopyCommand } from "../../components/copy.tsx";
import { ScopedButton } from "../../components/scoped.tsx";
import { FormError, Loaded } from "../../components/states.tsx";
import { messages } from "../../messages.ts";
import { nameValidationQuery, useCreateRegistry } from "../../queries/registries.ts";
import { findMissingScope, useSession } from "../../queries/session.ts";
import { offeredQuery, subscriptionQuery } from "../../queries/subscription.ts";

const text = messages.registries;
const SETTLE_MS = 250;

export function CreateRegistryForm() {
  const offered = useQuery(offeredQuery);
  return (
    <Loaded query={offered}>
      {({ available_regions, subscription_tiers }) => (
        <Form regions={available_regions} tiers={subscription_tiers.map(({ slug }) => slug)} />
      )}
    </Loaded>
  );
}

function Form({ regions, tiers }: { regions: readonly string[]; tiers: readonly string[] }) {
  const navigate = useNavigate();
  const create = useCreateRegistry();
  const { data: subscription } = useQuery(subscriptionQuery);
  const [name, setName] = useState("");
  const [region, setRegion] = useState(regions[0] ?? "");
  const [tier, setTier] = useState(tiers.at(-1) ?? "");
  const validation = useNameValidation(name);
  // The subscription comes with the first registry; after that a tier is chosen on its own page.
  const isFirst = subscription === null;
  const chosenTier = subscription?.tier.slug ?? tier;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        const parameters = { name, region, subscription_tier_slug: chosenTier } as RegistriesCreateParameters;
        create.mutate(parameters, {
          onSuccess: () => navigate({ to: "/registries/$registry", params: { registry: name } }),
        });
      }}
    >
      <Stack>
        <Group align="flex-start" grow preventGrowOverflow={false}>
          <TextInput
            label={text.name}
            description={text.nameHint}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            error={validation.problem}
            rightSection={validation.mark}
            autoComplete="off"
            spellCheck={false}
            required
          />
          <NativeSelect
            label={text.region}
            description={text.regionHint}
            value={region}
            onChange={(event) => setRegion(event.currentTarget.value)}
            data={[...regions]}
          />
          {isFirst && (
            <NativeSelect
              label={messages.plan.tier}
              description={text.tierHint}
              value={tier}
              onChange={(event) => setTier(event.currentTarget.value)}
              data={[...tiers]}
            />
          )}
        </Group>
        <CopyCommand text={createRegistry(name === "" ? "NAME" : name, chosenTier, region)} />
        <FormError error={create.error} />
        <div>
          <ScopedButton
            type="submit"
            scopes={["registry:create"]}
            loading={create.isPending}
            disabledBecause={validation.problem}
          >
            {text.create}
          </ScopedButton>
        </div>
      </Stack>
    </form>
  );
}

/** What the server says of a name while it is typed. */
function useNameValidation(name: string) {
  const [settled] = useDebouncedValue(name, SETTLE_MS);
  const canAsk = findMissingScope(useSession(), ["registry:create"]) === undefined;
  const query = useQuery({ ...nameValidationQuery(settled), enabled: canAsk && settled !== "" });
  if (name === "" || !canAsk) return { problem: undefined, mark: null };
  if (query.isFetching || settled !== name)
    return { problem: undefined, mark: <Loader size={16} aria-hidden /> };
  if (query.isError) return { problem: query.error.message, mark: null };
  return { problem: undefined, mark: <Check size={16} aria-label={text.nameFree} /> };
}
