import { SegmentedControl, useMantineColorScheme, VisuallyHidden } from "@mantine/core";
import { Monitor, Moon, Sun } from "lucide-react";
import { messages } from "../../messages.ts";

const SCHEMES = [
  { value: "light", label: messages.theme.light, Icon: Sun },
  { value: "auto", label: messages.theme.auto, Icon: Monitor },
  { value: "dark", label: messages.theme.dark, Icon: Moon },
] as const;

export function ThemeSwitch() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <SegmentedControl
      size="xs"
      aria-label={messages.theme.label}
      value={colorScheme}
      onChange={setColorScheme}
      data={SCHEMES.map(({ value, label, Icon }) => ({
        value,
        label: (
          <>
            <Icon size={16} aria-hidden />
            <VisuallyHidden>{label}</VisuallyHidden>
          </>
        ),
      }))}
    />
  );
}
