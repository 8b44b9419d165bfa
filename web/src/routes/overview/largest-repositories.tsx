import type { Overview } from "@boxyard/client";
import { Text } from "@mantine/core";
import { Bytes } from "../../components/facts.tsx";
import { Link } from "../../components/link.tsx";
import { messages } from "../../messages.ts";
import classes from "./largest-repositories.module.css";

/** Each with a bar as long as what it alone holds, compared with the largest. */
export function LargestRepositories({
  registry,
  repositories,
}: {
  registry: string;
  repositories: Overview["largest_repositories"];
}) {
  const largest = Math.max(1, ...repositories.map((one) => one.unique_bytes));
  return (
    <ol className={classes.list}>
      {repositories.map(({ name, unique_bytes, size_bytes }) => (
        <li key={name}>
          <div className={classes.row}>
            <Link
              to="/registries/$registry/repositories/$repository"
              params={{ registry, repository: name }}
              className={classes.name}
            >
              {name}
            </Link>
            <Text span size="sm" title={messages.overview.sizes(unique_bytes, size_bytes)}>
              <Bytes value={unique_bytes} />
            </Text>
          </div>
          <div className={classes.bar} style={{ width: `${(unique_bytes / largest) * 100}%` }} aria-hidden />
        </li>
      ))}
    </ol>
  );
}
