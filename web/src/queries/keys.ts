/** Under which keys answers are kept. All that a registry's events can change begins with that registry's key. */
export const registriesKey = ["registries"] as const;
export const sessionKey = ["session"] as const;
export const tokensKey = ["tokens"] as const;
export const subscriptionKey = ["subscription"] as const;

export const registryKeys = {
  all: (registry: string) => ["registry", registry] as const,
  overview: (registry: string) => ["registry", registry, "overview"] as const,
  settings: (registry: string) => ["registry", registry, "settings"] as const,
  events: (registry: string) => ["registry", registry, "events"] as const,
  activeCollection: (registry: string) => ["registry", registry, "active collection"] as const,
  collections: (registry: string) => ["registry", registry, "collections"] as const,
  collectionPreview: (registry: string, type: string) =>
    ["registry", registry, "collection preview", type] as const,
  repositories: (registry: string) => ["registry", registry, "repositories"] as const,
  repository: (registry: string, repository: string) =>
    ["registry", registry, "repository", repository] as const,
};
