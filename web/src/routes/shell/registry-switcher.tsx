import { Menu, Text, UnstyledButton, VisuallyHidden } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Check, ChevronsUpDown, Plus } from "lucide-react";
import { messages } from "../../messages.ts";
import { registriesQuery } from "../../queries/registries.ts";
import { useSession } from "../../queries/session.ts";
import { useCurrentRegistry } from "./current-registry.ts";
import classes from "./shell.module.css";

export function RegistrySwitcher() {
  const { registry_host: host } = useSession();
  const { data: registries = [] } = useQuery(registriesQuery);
  const current = useCurrentRegistry();
  const navigate = useNavigate();
  return (
    <Menu position="bottom-start" width={240}>
      <Menu.Target>
        <UnstyledButton className={classes.switcher}>
          <VisuallyHidden>{messages.shell.switchRegistry}</VisuallyHidden>
          <span className={classes.switcherName}>
            <Text span fw={600} truncate>
              {current ?? messages.shell.noRegistry}
            </Text>
            <Text span size="xs" c="dimmed" truncate>
              {host}
            </Text>
          </span>
          <ChevronsUpDown size={16} aria-hidden />
        </UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        {registries.map(({ name }) => (
          <Menu.Item
            key={name}
            rightSection={name === current && <Check size={16} aria-label={messages.shell.current} />}
            onClick={() => void navigate({ to: "/registries/$registry", params: { registry: name } })}
          >
            {name}
          </Menu.Item>
        ))}
        {registries.length > 0 && <Menu.Divider />}
        <Menu.Item
          leftSection={<Plus size={16} aria-hidden />}
          onClick={() => void navigate({ to: "/registries" })}
        >
          {messages.shell.manageRegistries}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
