import type { ReferrerRow } from "@boxyard/client";
import { Group, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Bytes, Chip, Time } from "../../components/facts.tsx";
import { Link } from "../../components/link.tsx";
import { Section } from "../../components/page.tsx";
import { Empty, Loaded } from "../../components/states.tsx";
import { shortDigest } from "../../format.ts";
import { messages } from "../../messages.ts";
import { type ManifestPlace, referrersQuery } from "../../queries/manifests.ts";
import { Annotations } from "./annotations.tsx";
import classes from "./referrers.module.css";

const text = messages.referrers;
const COLORS = {
  signature: "green",
  sbom: "blue",
  attestation: "blue",
  vulnerabilities: "yellow",
  artifact: "gray",
} as const;

/** What refers to a manifest, and what refers to that. */
export function Referrers({ place }: { place: ManifestPlace }) {
  const query = useQuery(referrersQuery(place));
  return (
    <Loaded query={query}>
      {(referrers) =>
        referrers.length === 0 ? (
          <Empty title={text.none}>
            <Text size="sm" c="dimmed">
              {text.noneHint}
            </Text>
          </Empty>
        ) : (
          <Section title={text.title}>
            <Tree place={place} referrers={referrers} />
          </Section>
        )
      }
    </Loaded>
  );
}

function Tree({ place, referrers }: { place: ManifestPlace; referrers: readonly ReferrerRow[] }) {
  const { registry, repository } = place;
  return (
    <ul className={classes.tree}>
      {referrers.map((referrer) => (
        <li key={referrer.digest} className={classes.node}>
          <Group gap={8}>
            <Chip color={COLORS[referrer.kind]} title={referrer.artifact_type ?? undefined}>
              {text.kinds[referrer.kind]}
            </Chip>
            {referrer.tool !== null && <Text size="sm">{referrer.tool}</Text>}
            <Link
              to="/registries/$registry/repositories/$repository/manifests/$digest"
              params={{ registry, repository, digest: referrer.digest }}
              search={{ view: "raw" }}
              ff="monospace"
              size="sm"
            >
              {shortDigest(referrer.digest)}
            </Link>
            <Text size="sm" c="dimmed">
              <Bytes value={referrer.size_bytes} /> · <Time value={referrer.pushed_at} />
            </Text>
          </Group>
          <Annotations annotations={referrer.annotations} />
          {referrer.children.length > 0 && <Tree place={place} referrers={childrenOf(referrer)} />}
        </li>
      ))}
    </ul>
  );
}

/** The API's description stops where a row holds rows of its own kind. */
function childrenOf({ children }: ReferrerRow): readonly ReferrerRow[] {
  return children as unknown as ReferrerRow[];
}
