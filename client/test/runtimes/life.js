// What the built package does in every runtime: plain JavaScript, so that each runs it as it is.

/** Leads a registry through its life, and returns what came of it. */
export async function life({ createClient, pages, waitForGarbageCollection, ApiError }, options) {
  const client = createClient(options);
  const registry_name = "acme";
  await client.registries.create({ name: registry_name });
  const { garbage_collection } = await client.registries.runGarbageCollection({ registry_name });
  const { status } = await waitForGarbageCollection(client, garbage_collection, { interval: 50 });
  let runs = 0;
  for await (const page of pages(client.registries.listGarbageCollections, { registry_name })) {
    runs += page.garbage_collections.length;
  }
  await client.registries.delete({ registry_name });
  const refusal = await client.registries.get({ registry_name }).catch((error) => error);
  const signal = AbortSignal.abort();
  const ended = await client.account.get({ signal }).catch((error) => error.name);
  return { status, runs, isApiError: refusal instanceof ApiError, id: refusal.id, ended };
}
