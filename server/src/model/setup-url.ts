/** Where a browser takes a code that opens the panel. It is in the fragment, which no server and no log sees. */
export function setupUrl(origin: string, code: string): string {
  return `${origin}/setup#${code}`;
}
