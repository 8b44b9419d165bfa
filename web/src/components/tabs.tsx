import { Link, type LinkProps } from "@tanstack/react-router";
import classes from "./tabs.module.css";

/** Tabs that are pages: each has an address, so they are links and not an ARIA tab list. */
export function LinkTabs({
  label,
  tabs,
}: {
  label: string;
  tabs: readonly (LinkProps & { label: string })[];
}) {
  return (
    <nav aria-label={label} className={classes.tabs}>
      {tabs.map(({ label: name, ...link }) => (
        <Link
          key={name}
          {...link}
          activeOptions={{ exact: true, includeSearch: link.search !== undefined }}
          className={classes.tab}
        >
          {name}
        </Link>
      ))}
    </nav>
  );
}
