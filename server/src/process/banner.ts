/** What a person sees when the server has started: where it is, where its data lies, what to do next. Text only. */
import { setupUrl } from "../model/setup-url.ts";

/** The facts that the texts are made of. */
export interface Start {
  readonly version: string;
  /** Where clients find the server. */
  readonly url: URL;
  /** Whether other machines reach it, and in the clear. */
  readonly isPlainToOthers: boolean;
  readonly dataDir: string;
  readonly database: "SQLite" | "PostgreSQL";
  readonly freeBytes: number;
}

/** Where to find a server that listens on this address, unless its configuration says so. */
export function publicUrlOf(host: string, port: number): URL {
  // Docker takes plain HTTP from localhost by itself. All addresses include it.
  if (host === "127.0.0.1" || host === "0.0.0.0" || host === "::") return new URL(`http://localhost:${port}`);
  return new URL(`http://${host.includes(":") ? `[${host}]` : host}:${port}`);
}

/** Whether this address takes connections from this machine alone. */
export function isLoopback(host: string): boolean {
  return host === "::1" || host.startsWith("127.");
}

/** What a first start makes, and shows once. */
export interface FirstLogin {
  readonly ownerToken: string;
  readonly setupCode: string;
}

/** The text for a terminal. A token is on it once: at the start that made it. */
export function banner(
  start: Start,
  { made, tokenFile }: { made: FirstLogin | undefined; tokenFile: string | undefined },
): string {
  const { version, url, dataDir, database, freeBytes } = start;
  const lines = [
    `boxyard ${version}  ·  your own container registry`,
    "",
    made === undefined
      ? `Panel      ${url.origin}/`
      : `Panel      ${setupUrl(url.origin, made.setupCode)}   works once, for 30 minutes`,
    `Registry   ${hostOf(url)}`,
    `API        ${url.origin}/v2   DigitalOcean-compatible`,
    `Data       ${dataDir}   ${database} + files · ${presentBytes(freeBytes)} free`,
  ];
  if (start.isPlainToOthers) {
    const name = url.hostname === "localhost" ? `THIS-MACHINE:${url.port}` : hostOf(url);
    lines.push(
      `HTTP only  other machines' docker needs {"insecure-registries":["${name}"]}, or TLS and BOXYARD_PUBLIC_URL`,
    );
  }
  if (made !== undefined) {
    lines.push(
      "",
      "First start: this is the owner's token. It is shown this once.",
      "",
      `  ${made.ownerToken}`,
      "",
      "Push something; the first push makes the registry that the image's name begins with:",
      "",
      `  docker login ${hostOf(url)} -u owner --password-stdin     (paste the token, Enter, Ctrl-D)`,
      ...firstPush(url).map((line) => `  ${line}`),
    );
  } else if (tokenFile !== undefined) {
    lines.push(`Token      ${tokenFile}   the owner's, from the first start: keep it, delete the file`);
  }
  lines.push("", "Ctrl-C stops");
  return `\n${lines.map((line) => (line === "" ? "" : `  ${line}`)).join("\n")}\n\n`;
}

/** The text for the file that a first start without a terminal leaves. The token is its last line. */
export function firstLoginText(
  url: URL,
  { file, ownerToken, setupCode }: FirstLogin & { file: string },
): string {
  return `This is the owner's token of a Boxyard registry. It opens everything: keep it in a safe place, then delete this file.

The panel opens with this link, once, within 30 minutes; \`boxyard admin link\` makes another:

  ${setupUrl(url.origin, setupCode)}

To log in docker, and to push something:

  tail -n 1 ${shellQuote(file)} | docker login ${hostOf(url)} -u owner --password-stdin
${firstPush(url)
  .map((line) => `  ${line}`)
  .join("\n")}

The first push makes the registry that the image's name begins with.

${ownerToken}
`;
}

function firstPush(url: URL): string[] {
  const image = `${hostOf(url)}/demo/alpine:1`;
  return ["docker pull alpine", `docker tag alpine ${image}`, `docker push ${image}`];
}

/** The registry's name in an image's: host and port. */
function hostOf(url: URL): string {
  return url.host;
}

function presentBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(power === 0 || bytes / 1000 ** power >= 100 ? 0 : 1)} ${units[power]}`;
}

function shellQuote(path: string): string {
  return /^[\w./:@%+,-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
