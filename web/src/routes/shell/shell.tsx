import { Menu, Text, UnstyledButton } from "@mantine/core";
import { useHotkeys } from "@mantine/hooks";
import { Outlet, Link as RouterLink, useNavigate } from "@tanstack/react-router";
import { Ellipsis, LogOut, Search } from "lucide-react";
import { lazy, Suspense, useState } from "react";
import icon from "../../icon.svg";
import { messages } from "../../messages.ts";
import { useSession, useSignOut } from "../../queries/session.ts";
import { AwayBanner } from "./away-banner.tsx";
import { useCurrentRegistry } from "./current-registry.ts";
import { ACCOUNT_PAGES, REGISTRY_PAGES } from "./navigation.ts";
import { RegistrySwitcher } from "./registry-switcher.tsx";
import classes from "./shell.module.css";
import { ThemeSwitch } from "./theme-switch.tsx";

const CommandPalette = lazy(async () => ({
  default: (await import("./command-palette.tsx")).CommandPalette,
}));

/** The frame around every page: where one is, where one can go, and what holds for all pages. */
export function Shell() {
  const [isPaletteOpen, setPaletteOpen] = useState(false);
  const openPalette = () => setPaletteOpen(true);
  // In a field as well: the chord types nothing.
  useHotkeys([["mod+K", openPalette]], []);
  return (
    <div className={classes.shell}>
      <a className={classes.skip} href="#content">
        {messages.shell.skip}
      </a>
      <Rail onSearch={openPalette} />
      <header className={classes.top}>
        <RegistrySwitcher />
        <SearchButton onClick={openPalette} />
      </header>
      <main id="content" className={classes.main} tabIndex={-1}>
        <AwayBanner />
        <Outlet />
      </main>
      <BottomBar />
      {isPaletteOpen && (
        <Suspense>
          <CommandPalette onClose={() => setPaletteOpen(false)} />
        </Suspense>
      )}
    </div>
  );
}

/** The navigation where there is room beside the page. */
function Rail({ onSearch }: { onSearch: () => void }) {
  const registry = useCurrentRegistry();
  return (
    <nav className={classes.rail} aria-label={messages.shell.navigation}>
      <RouterLink to="/" className={classes.brand}>
        <img src={icon} alt="" width={26} height={26} />
        {messages.product}
      </RouterLink>
      <RegistrySwitcher />
      <SearchButton onClick={onSearch} />
      <div className={classes.links}>
        {registry !== undefined && (
          <>
            {REGISTRY_PAGES.map(({ to, label, Icon }) => (
              <RouterLink
                key={to}
                to={to}
                params={{ registry }}
                activeOptions={{ exact: to === "/registries/$registry" }}
                className={classes.link}
              >
                <Icon size={18} aria-hidden />
                {label}
              </RouterLink>
            ))}
            <hr className={classes.rule} />
          </>
        )}
        {ACCOUNT_PAGES.map(({ to, label, Icon }) => (
          <RouterLink key={to} to={to} activeOptions={{ exact: true }} className={classes.link}>
            <Icon size={18} aria-hidden />
            {label}
          </RouterLink>
        ))}
      </div>
      <Account />
    </nav>
  );
}

function SearchButton({ onClick }: { onClick: () => void }) {
  return (
    <UnstyledButton className={classes.search} onClick={onClick}>
      <Search size={16} aria-hidden />
      <span className={classes.searchLabel}>{messages.shell.search}</span>
      <kbd className={classes.keys}>{navigator.platform.startsWith("Mac") ? "⌘K" : "Ctrl K"}</kbd>
    </UnstyledButton>
  );
}

function Account() {
  const { account, token } = useSession();
  const signOut = useSignOutAndLeave();
  return (
    <div className={classes.account}>
      <Text size="sm" truncate title={`${account.name} · ${token.name}`}>
        {account.name}{" "}
        <Text span c="dimmed" size="sm">
          · {token.name}
        </Text>
      </Text>
      <ThemeSwitch />
      <UnstyledButton className={classes.link} onClick={signOut}>
        <LogOut size={18} aria-hidden />
        {messages.shell.signOut}
      </UnstyledButton>
    </div>
  );
}

/** The navigation on a phone. */
function BottomBar() {
  const registry = useCurrentRegistry();
  const navigate = useNavigate();
  const signOut = useSignOutAndLeave();
  const pages = [...(registry === undefined ? [] : REGISTRY_PAGES), ...ACCOUNT_PAGES];
  const frequent = pages.filter((page) => "isFrequent" in page);
  const rest = pages.filter((page) => !("isFrequent" in page));
  const params = { registry: registry ?? "" };
  return (
    <nav className={classes.bottom} aria-label={messages.shell.navigation}>
      {frequent.map(({ to, label, Icon }) => (
        <RouterLink
          key={to}
          to={to}
          params={params}
          activeOptions={{ exact: to === "/registries/$registry" }}
          className={classes.tab}
        >
          <Icon size={20} aria-hidden />
          {label}
        </RouterLink>
      ))}
      <Menu position="top-end">
        <Menu.Target>
          <UnstyledButton className={classes.tab}>
            <Ellipsis size={20} aria-hidden />
            {messages.shell.more}
          </UnstyledButton>
        </Menu.Target>
        <Menu.Dropdown>
          {rest.map(({ to, label, Icon }) => (
            <Menu.Item
              key={to}
              leftSection={<Icon size={18} aria-hidden />}
              onClick={() => void navigate({ to, params })}
            >
              {label}
            </Menu.Item>
          ))}
          <Menu.Divider />
          <Menu.Item leftSection={<LogOut size={18} aria-hidden />} onClick={signOut}>
            {messages.shell.signOut}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </nav>
  );
}

function useSignOutAndLeave(): () => void {
  const navigate = useNavigate();
  const signOut = useSignOut();
  return () => signOut.mutate(undefined, { onSuccess: () => navigate({ to: "/sign-in" }) });
}
