import type { CallOptions } from "./call.ts";

/** What every list answers beside its items. */
interface Listed {
  links?: { pages?: { next?: string | undefined } | undefined } | undefined;
}

/**
 * The pages of a list, from the one that the parameters name to the last:
 * `for await (const { tags } of pages(client.registries.listRepositoryTags, { registry_name, repository_name }))`
 */
export async function* pages<Parameters extends object, Answer extends Listed>(
  list: (parameters: Parameters, options?: CallOptions) => Promise<Answer>,
  parameters: Parameters,
  options?: CallOptions,
): AsyncGenerator<Answer, void, undefined> {
  let place: { page?: number; page_token?: string } = {};
  for (;;) {
    const answer = await list({ ...parameters, ...place }, options);
    yield answer;
    const next = answer.links?.pages?.next;
    if (next === undefined) return;
    // Its parameters and not the link itself: that one is as the server sees itself.
    const query = new URL(next, "http://server").searchParams;
    const token = query.get("page_token");
    place = { page: Number(query.get("page")), ...(token === null ? {} : { page_token: token }) };
  }
}
