import {
  Activity,
  CreditCard,
  House,
  Info,
  KeyRound,
  Layers,
  type LucideIcon,
  Package,
  Settings,
  Sparkles,
} from "lucide-react";
import { messages } from "../../messages.ts";

interface Entry<To extends string> {
  to: To;
  label: string;
  Icon: LucideIcon;
  /** Whether it stands in a phone's bar, and not under "More". */
  isFrequent?: boolean;
}

/** Pages of one registry. */
export const REGISTRY_PAGES = [
  { to: "/registries/$registry", label: messages.overview.title, Icon: House, isFrequent: true },
  {
    to: "/registries/$registry/repositories",
    label: messages.repositories.title,
    Icon: Package,
    isFrequent: true,
  },
  { to: "/registries/$registry/clean-up", label: messages.cleanUp.title, Icon: Sparkles, isFrequent: true },
  { to: "/registries/$registry/activity", label: messages.activity.title, Icon: Activity },
  { to: "/registries/$registry/settings", label: messages.settings.title, Icon: Settings },
] as const satisfies Entry<string>[];

/** Pages of the account and of the server. */
export const ACCOUNT_PAGES = [
  { to: "/access", label: messages.access.title, Icon: KeyRound, isFrequent: true },
  { to: "/registries", label: messages.registries.title, Icon: Layers },
  { to: "/plan", label: messages.plan.title, Icon: CreditCard },
  { to: "/about", label: messages.about.title, Icon: Info },
] as const satisfies Entry<string>[];
