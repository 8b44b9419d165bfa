/** A place where bytes lie: a slug that the configuration maps to a blob store. */
export type Region = string & { readonly __brand: "Region" };

/** DigitalOcean's registry regions; a registry that names none gets the first. */
export const REGIONS = [
  "nyc3",
  "sfo3",
  "ams3",
  "sgp1",
  "fra1",
  "sfo2",
  "blr1",
  "syd1",
] as unknown as readonly [Region, ...Region[]];

export function isRegion(text: string): text is Region {
  return (REGIONS as readonly string[]).includes(text);
}
