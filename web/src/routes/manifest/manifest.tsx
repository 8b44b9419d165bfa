import type { ManifestDetails } from "@boxyard/client";
import { Group, NativeSelect, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { lazy, type ReactNode, Suspense, useState } from "react";
import { Bytes, Chip, Digest, FactList, Time } from "../../components/facts.tsx";
import { Link } from "../../components/link.tsx";
import { Page } from "../../components/page.tsx";
import { ScopedButton } from "../../components/scoped.tsx";
import { Loaded, Loading } from "../../components/states.tsx";
import { LinkTabs } from "../../components/tabs.tsx";
import { formatPlatform, shortDigest } from "../../format.ts";
import { messages } from "../../messages.ts";
import { type ManifestPlace, manifestQuery } from "../../queries/manifests.ts";
import { optional } from "../../search.ts";
import { DeleteManifestsDialog } from "../repository/delete-manifests-dialog.tsx";
import { PullCommand } from "../repository/pull-command.tsx";
import { Annotations } from "./annotations.tsx";
import { Config } from "./config.tsx";
import { Dockerfile } from "./dockerfile.tsx";
import { Layers } from "./layers.tsx";
import { Referrers } from "./referrers.tsx";
import { MANIFEST_VIEWS } from "./views.ts";

const Raw = lazy(async () => ({ default: (await import("./raw.tsx")).Raw }));

const text = messages.manifest;
const FROM = "/panel/registries/$registry/repositories/$repository/manifests/$digest";

export function ManifestPage() {
  const place = useParams({ from: FROM });
  const { tag, platform } = useSearch({ from: FROM });
  const query = useQuery(manifestQuery(place));
  const { registry, repository, digest } = place;
  const [isDeleting, setDeleting] = useState(false);
  const navigate = useNavigate();
  const name = tag === undefined ? `${repository}@${shortDigest(digest)}` : `${repository}:${tag}`;
  return (
    <Page
      title={name}
      lead={
        <Link to="/registries/$registry/repositories/$repository" params={{ registry, repository }}>
          {registry}/{repository}
        </Link>
      }
      actions={
        <ScopedButton
          variant="light"
          color="red"
          scopes={["registry:delete"]}
          disabledBecause={query.data === undefined ? text.notLoaded : undefined}
          onClick={() => setDeleting(true)}
        >
          {text.delete}
        </ScopedButton>
      }
    >
      <Loaded query={query} lines={8}>
        {(manifest) => (
          <>
            <Summary place={place} manifest={manifest} tag={tag} />
            {manifest.kind === "index" ? (
              <Children place={place} manifest={manifest} chosen={platform} />
            ) : (
              <Views place={place} manifest={manifest} />
            )}
            {isDeleting && (
              <DeleteManifestsDialog
                registry={registry}
                repository={repository}
                manifests={[manifest]}
                onClose={() => setDeleting(false)}
                onDeleted={() =>
                  void navigate({
                    to: "/registries/$registry/repositories/$repository",
                    params: { registry, repository },
                  })
                }
              />
            )}
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Summary({
  place,
  manifest,
  tag,
}: {
  place: ManifestPlace;
  manifest: ManifestDetails;
  tag: string | undefined;
}) {
  const { registry, repository, digest } = place;
  const { tags, subject, parent_digests: parents } = manifest;
  const linkTo = (other: string) => (
    <Link
      key={other}
      to="/registries/$registry/repositories/$repository/manifests/$digest"
      params={{ registry, repository, digest: other }}
      ff="monospace"
    >
      {shortDigest(other)}
    </Link>
  );
  return (
    <Stack gap="md">
      <FactList
        facts={[
          [text.digest, <Digest key="digest" value={digest} />],
          [
            text.kind,
            <Chip key="kind" title={manifest.artifact_type ?? manifest.media_type}>
              {messages.kinds[manifest.kind]}
            </Chip>,
          ],
          [text.size, <Bytes key="size" value={manifest.size_bytes} />],
          [text.unique, <Bytes key="unique" value={manifest.unique_bytes} />],
          [text.shared, <Bytes key="shared" value={manifest.shared_bytes} />],
          [text.pushed, <Time key="pushed" value={manifest.pushed_at} />],
          manifest.platform !== null && [text.platform, <Chip key="platform">{manifest.platform}</Chip>],
          tags.length > 0 && [
            text.tags,
            <Group key="tags" gap={4}>
              {tags.map((one) => (
                <Chip key={one} color="blue">
                  {one}
                </Chip>
              ))}
            </Group>,
          ],
          subject !== null && [text.subject, linkTo(subject)],
          parents.length > 0 && [
            text.parents,
            <Group key="parents" gap={8}>
              {parents.map(linkTo)}
            </Group>,
          ],
        ]}
      />
      <PullCommand registry={registry} repository={repository} reference={tag ?? digest} />
      <Annotations annotations={manifest.annotations} />
    </Stack>
  );
}

/** An index shows one of its manifests at a time. */
function Children({
  place,
  manifest,
  chosen,
}: {
  place: ManifestPlace;
  manifest: ManifestDetails;
  chosen: string | undefined;
}) {
  const navigate = useNavigate({ from: "/registries/$registry/repositories/$repository/manifests/$digest" });
  const { platforms } = manifest;
  const current = platforms.find(({ digest }) => digest === chosen) ?? platforms[0];
  if (current === undefined) return <Views place={place} manifest={manifest} />;
  return (
    <Stack gap="md">
      <Group>
        <NativeSelect
          label={text.platform}
          value={current.digest}
          onChange={(event) => {
            const { value } = event.currentTarget;
            void navigate({ search: (search) => ({ ...search, platform: value }), replace: true });
          }}
          data={platforms.map((one) => ({ value: one.digest, label: formatPlatform(one) }))}
        />
      </Group>
      <Child place={{ ...place, digest: current.digest }} index={manifest} />
    </Stack>
  );
}

function Child({ place, index }: { place: ManifestPlace; index: ManifestDetails }) {
  const query = useQuery(manifestQuery(place));
  return (
    <Loaded query={query}>{(manifest) => <Views place={place} manifest={manifest} index={index} />}</Loaded>
  );
}

/** Layers and the like. What refers to an image often refers to the index that it is in: both are shown then. */
function Views({
  place,
  manifest,
  index,
}: {
  place: ManifestPlace;
  manifest: ManifestDetails;
  index?: ManifestDetails;
}) {
  const { view = "layers", ...search } = useSearch({ from: FROM });
  const params = useParams({ from: FROM });
  const indexPlace = index && { ...place, digest: index.digest };
  const views: Record<(typeof MANIFEST_VIEWS)[number], () => ReactNode> = {
    layers: () => <Layers manifest={manifest} />,
    dockerfile: () => <Dockerfile history={manifest.history} />,
    config: () => <Config config={manifest.config} />,
    referrers: () => <Referrers place={indexPlace ?? place} />,
    raw: () => (
      <Suspense fallback={<Loading />}>
        <Raw place={place} indexPlace={indexPlace} hasConfig={manifest.config !== null} />
      </Suspense>
    ),
  };
  return (
    <Stack gap="md">
      <LinkTabs
        label={text.parts}
        tabs={MANIFEST_VIEWS.map((one) => ({
          label: text.views[one],
          to: "/registries/$registry/repositories/$repository/manifests/$digest",
          params,
          search: optional({ ...search, view: one === "layers" ? undefined : one }),
        }))}
      />
      {views[view]()}
    </Stack>
  );
}
