/** What an image runs on. */
export interface Platform {
  os: string;
  architecture: string;
  variant: string | undefined;
}

/** No real name of one is as long. */
const MAX_LENGTH = 64;

/**
 * A platform as an index or a config has it, in one text: `linux/arm64/v8`. `undefined` where there is none, also where
 * it is said to be unknown.
 */
export function platformIn(value: Record<string, unknown>): string | undefined {
  const { os, architecture, variant = "" } = value;
  if (!isPart(os) || !isPart(architecture) || os === "unknown") return undefined;
  return isPart(variant) ? `${os}/${architecture}/${variant}` : `${os}/${architecture}`;
}

function isPart(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= MAX_LENGTH && !value.includes("/");
}

export function parsePlatform(text: string): Platform {
  const [os = "", architecture = "", variant] = text.split("/");
  return { os, architecture, variant };
}
