import { type Content, contentOf } from "../support/images.ts";
import { oneOf, type Random } from "../support/pusher.ts";
import type { Client } from "./client.ts";
import { type Artifact, aLayer, anImage, anIndex, aReferrer } from "./content.ts";
import type { RepositoryModel } from "./model.ts";
import type { Tally } from "./tally.ts";

/** What a pusher remembers of what it pushed to a repository, to tag again, put into indexes and delete. */
const REMEMBERED = 6;
const TAGS = ["latest", "v1", "v2", "edge"];

export interface SoakPusherOptions {
  number: number;
  registry: string;
  client: Client;
  /** The repository that nobody else writes to. */
  own: RepositoryModel;
  /** Those that all pushers write to. */
  shared: readonly RepositoryModel[];
  /** Where layers may be mounted from. */
  mountable: readonly string[];
  /** Layers that all pushers use, the first ones more than the last. */
  pool: readonly Content[];
  /** Images that all pushers push to shared repositories. Nobody deletes them by digest. */
  common: readonly Artifact[];
  random: Random;
  tally: Tally;
}

/** Pushes, tags, indexes and deletes as docker and its like do, one thing after the other. */
export class SoakPusher {
  readonly #options: SoakPusherOptions;
  readonly #client: Client;
  readonly #random: Random;
  readonly #tally: Tally;
  readonly #remembered = new Map<RepositoryModel, Artifact[]>();
  /** What it pushed and does not use any more: looked at until a collection has taken it. */
  readonly #givenUp = new Map<RepositoryModel, Map<string, Artifact>>();
  #made = 0;

  constructor(options: SoakPusherOptions) {
    this.#options = options;
    this.#client = options.client;
    this.#random = options.random;
    this.#tally = options.tally;
  }

  /** One thing of those that users do, in one of the repositories. */
  async step(): Promise<void> {
    const { own, shared } = this.#options;
    const repository = this.#random() < 0.6 ? own : oneOf(this.#random, shared);
    await this.#lookAtGivenUp(repository);
    const choice = this.#random();
    if (choice < 0.28) await this.#push(repository, this.#newImage(repository));
    else if (choice < 0.46) await this.#push(repository, this.#anOldOne(repository));
    else if (choice < 0.58) await this.#push(repository, this.#newIndex(repository));
    else if (choice < 0.66) await this.#pullATag(repository);
    else if (choice < 0.72) await this.#attachReferrer(repository);
    else if (choice < 0.8) await this.#deleteTag(repository);
    else if (choice < 0.85) await this.#deleteManifest(repository);
    else if (choice < 0.95) await this.#replaceManifest(repository);
    else if (choice < 0.99) await this.#deleteBlob(own);
    else await this.#deleteOwnRepository();
  }

  /** An image of layers that others use too, these or some of the pool. Many have one of their own. */
  #newImage(repository: RepositoryModel, base: readonly Content[] = this.#someLayers()): Artifact {
    const name = `image ${this.#made++} of pusher ${this.#options.number}`;
    const isPlain = this.#random() < 0.4;
    const layers = isPlain ? base : [...base, aLayer(name, 500 + Math.floor(this.#random() * 40_000))];
    const image = anImage(name, layers);
    this.#remember(repository, image);
    return image;
  }

  #someLayers(): Content[] {
    const count = 2 + Math.floor(this.#random() * 3);
    return [...new Set(Array.from({ length: count }, () => this.#aPoolLayer()))];
  }

  /** Few layers are in most images and many in hardly any, so that some are always on their way in or out. */
  #aPoolLayer(): Content {
    const { pool } = this.#options;
    return pool[Math.floor(pool.length * this.#random() ** 3)] as Content;
  }

  #newIndex(repository: RepositoryModel): Artifact {
    const children = [this.#anOldOne(repository), this.#newImage(repository)];
    const index = anIndex(children.filter((child) => child.children.length === 0));
    this.#remember(repository, index);
    return index;
  }

  /** One that it pushed before, or that others push too. */
  #anOldOne(repository: RepositoryModel): Artifact {
    const old = this.#remembered.get(repository) ?? [];
    const isShared = repository !== this.#options.own;
    if (isShared && this.#random() < 0.5) return oneOf(this.#random, this.#options.common);
    return old.length > 0 ? oneOf(this.#random, old) : this.#newImage(repository);
  }

  /** Others push the common ones too, so that only what they are tagged with is one's own. */
  #isOwn(artifact: Artifact): boolean {
    return !this.#options.common.includes(artifact);
  }

  #remember(repository: RepositoryModel, artifact: Artifact): void {
    const artifacts = this.#remembered.get(repository) ?? [];
    this.#remembered.set(repository, artifacts);
    artifacts.push(artifact);
    if (artifacts.length > REMEMBERED) this.#giveUp(repository, artifacts.shift() as Artifact);
  }

  #forget(repository: RepositoryModel, artifact: Artifact): void {
    const artifacts = this.#remembered.get(repository) ?? [];
    this.#remembered.set(
      repository,
      artifacts.filter((other) => other !== artifact),
    );
    this.#giveUp(repository, artifact);
  }

  #giveUp(repository: RepositoryModel, artifact: Artifact): void {
    const givenUp = this.#givenUp.get(repository) ?? new Map<string, Artifact>();
    this.#givenUp.set(repository, givenUp);
    for (const one of [artifact, ...artifact.referrers, ...artifact.children]) {
      if (this.#isOwn(one)) givenUp.set(one.manifest.digest, one);
    }
  }

  /** Looks at one manifest that may be collected or not. What is tagged, listed or attached has to be there still. */
  async #lookAtGivenUp(repository: RepositoryModel): Promise<void> {
    const givenUp = this.#givenUp.get(repository);
    const [artifact] = givenUp?.values() ?? [];
    if (givenUp === undefined || artifact === undefined) return;
    const { digest } = artifact.manifest;
    givenUp.delete(digest);
    const { status } = await this.#client.send("GET", `/v2/${repository.name}/manifests/${digest}`, {
      expected: repository.kept().has(digest) ? [200] : [200, 404],
    });
    if (status === 200) {
      givenUp.set(digest, artifact);
      return;
    }
    this.#tally.add("manifests found collected");
    repository.remove(digest);
  }

  /** Pushes an artifact under a tag, with all that it needs and what is attached to it. */
  async #push(repository: RepositoryModel, artifact: Artifact): Promise<void> {
    const tag = this.#tag();
    const begin = performance.now();
    const seconds = () => (performance.now() - begin) / 1000;
    try {
      await this.#pushAll(repository, artifact, tag);
    } catch (error) {
      if (error instanceof Error) error.message += ` (${seconds().toFixed(1)} s after the push began)`;
      throw error;
    }
    this.#tally.add("pushes");
    this.#tally.raise("longest push, in seconds", seconds());
    if (this.#random() < 0.2) await this.#pull(repository, tag, artifact);
  }

  async #pushAll(repository: RepositoryModel, artifact: Artifact, tag?: string): Promise<void> {
    // What is attached goes first as well: so the model knows of it, also where a run refuses the rest.
    for (const other of [...artifact.children, ...artifact.referrers]) await this.#pushAll(repository, other);
    // All at once, and none is left half-way where another fails.
    const blobs = await Promise.allSettled(artifact.blobs.map((blob) => this.#pushBlob(repository, blob)));
    const failed = blobs.find((outcome) => outcome.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    await this.#pushManifest(repository, artifact, tag);
  }

  /** Attaches something to an artifact that is kept. */
  async #attachReferrer(repository: RepositoryModel): Promise<void> {
    const old = this.#remembered.get(repository) ?? [];
    const subject = old.findLast(({ manifest }) => repository.kept().has(manifest.digest));
    if (subject === undefined) return;
    const referrer = aReferrer(`referrer ${this.#made++} of pusher ${this.#options.number}`, subject);
    await this.#pushAll(repository, referrer);
    subject.referrers.push(referrer);
    this.#tally.add("referrers attached");
  }

  async #pushManifest(repository: RepositoryModel, artifact: Artifact, tag?: string): Promise<void> {
    const { digest, content, mediaType } = artifact.manifest;
    const path = `/v2/${repository.name}/manifests/${tag ?? digest}`;
    const { headers } = await this.#client.send("HEAD", path, { expected: [200, 404] });
    if (headers["docker-content-digest"] === digest) {
      this.#tally.add("manifests found by HEAD");
    } else {
      await this.#client.send("PUT", path, {
        expected: [201],
        headers: { "content-type": mediaType },
        body: content,
      });
      this.#tally.add("manifests pushed");
    }
    repository.put(artifact, tag);
  }

  async #pushBlob(repository: RepositoryModel, blob: Content): Promise<void> {
    // One's own repository changes by nobody else: what holds before the HEAD holds until it is answered.
    const isUnreferenced = repository === this.#options.own && !repository.mayNeed(blob.digest);
    const path = `/v2/${repository.name}/blobs/${blob.digest}`;
    const { status } = await this.#client.send("HEAD", path, { expected: [200, 404] });
    if (status === 200) {
      this.#tally.add("blobs found by HEAD");
      if (isUnreferenced) this.#tally.add("unreferenced blobs found by HEAD");
      return;
    }
    await this.#upload(repository, blob);
  }

  async #upload(repository: RepositoryModel, { digest, content }: Content): Promise<void> {
    const { mountable } = this.#options;
    const uploads = `/v2/${repository.name}/blobs/uploads/`;
    const mount = this.#random() < 0.6 ? `?mount=${digest}&from=${oneOf(this.#random, mountable)}` : "";
    const begun = await this.#client.send("POST", uploads + mount, {
      expected: mount === "" ? [202] : [201, 202],
    });
    if (begun.status === 201) {
      this.#tally.add("blobs mounted");
      return;
    }
    const location = String(begun.headers.location);
    const bytes = { headers: { "content-type": "application/octet-stream" }, body: content };
    // containerd sends everything with the PUT, docker before it.
    const isOne = this.#random() < 0.5;
    if (!isOne) await this.#client.send("PATCH", location, { expected: [202], ...bytes });
    await this.#client.send("PUT", `${location}?digest=${digest}`, {
      expected: [201],
      ...(isOne ? bytes : {}),
    });
    this.#tally.add("blobs uploaded");
  }

  async #pullATag(repository: RepositoryModel): Promise<void> {
    const tag = this.#tag();
    const digest = repository.tags.get(tag);
    const artifact = digest === undefined ? undefined : repository.kept().get(digest);
    if (artifact !== undefined) await this.#pull(repository, tag, artifact);
  }

  /** Pulls an artifact, whole and byte for byte; of what belongs to it, what was not deleted by its digest. */
  async #pull(repository: RepositoryModel, reference: string, artifact: Artifact): Promise<void> {
    await pullWhole(this.#client, repository, reference, artifact);
    this.#tally.add("pulls");
  }

  async #deleteTag(repository: RepositoryModel): Promise<void> {
    const tag = this.#tag();
    const isThere = repository.tags.has(tag);
    if (this.#random() < 0.5) {
      await this.#client.send("DELETE", `/v2/${repository.name}/manifests/${tag}`, {
        expected: [isThere ? 202 : 404],
      });
    } else {
      await this.#client.api("DELETE", `${this.#apiPath(repository)}/tags/${tag}`, { expected: [204] });
    }
    repository.tags.delete(tag);
    this.#tally.add("tags deleted");
  }

  /** Deletes an image and pushes its next version: layers that nothing needs any more are found, or are gone just now. */
  async #replaceManifest(repository: RepositoryModel): Promise<void> {
    const deleted = await this.#deleteManifest(repository);
    const { pool } = this.#options;
    const base = deleted?.blobs.filter((blob) => pool.includes(blob)) ?? [];
    if (base.length > 0) await this.#push(repository, this.#newImage(repository, base));
  }

  async #deleteManifest(repository: RepositoryModel): Promise<Artifact | undefined> {
    const old = this.#remembered.get(repository) ?? [];
    if (old.length === 0) return undefined;
    const artifact = oneOf(this.#random, old);
    const { digest } = artifact.manifest;
    const isThere = repository.kept().has(digest);
    if (this.#random() < 0.5) {
      await this.#client.send("DELETE", `/v2/${repository.name}/manifests/${digest}`, {
        expected: isThere ? [202] : [202, 404],
      });
    } else {
      await this.#client.api("DELETE", `${this.#apiPath(repository)}/digests/${digest}`, {
        expected: isThere ? [204] : [204, 404],
      });
    }
    repository.remove(digest);
    this.#forget(repository, artifact);
    this.#tally.add("manifests deleted");
    return artifact;
  }

  /** Only in one's own repository: in another, somebody may have been promised that the blob stays. */
  async #deleteBlob(own: RepositoryModel): Promise<void> {
    const blob = this.#aPoolLayer();
    if (own.mayNeed(blob.digest)) return;
    await this.#client.send("DELETE", `/v2/${own.name}/blobs/${blob.digest}`, { expected: [202, 404] });
    this.#tally.add("blobs deleted");
  }

  async #deleteOwnRepository(): Promise<void> {
    const { own, registry } = this.#options;
    const name = encodeURIComponent(own.name.slice(`${registry}/`.length));
    await this.#client.api("DELETE", `/v2/registries/${registry}/repositories/${name}`, {
      expected: own.kept().size > 0 ? [204] : [204, 404],
    });
    own.clear();
    this.#remembered.delete(own);
    this.#givenUp.delete(own);
    this.#tally.add("repositories deleted");
  }

  /** A tag of one's own, also in a repository of all. */
  #tag(): string {
    return `${oneOf(this.#random, TAGS)}-${this.#options.number}`;
  }

  #apiPath({ name }: RepositoryModel): string {
    const { registry } = this.#options;
    return `/v2/registry/${registry}/repositories/${encodeURIComponent(name.slice(`${registry}/`.length))}`;
  }
}

/** Pulls an artifact and all that belongs to it and is kept. Throws where any of it is not there, byte for byte. */
export async function pullWhole(
  client: Client,
  repository: RepositoryModel,
  reference: string,
  artifact: Artifact,
): Promise<void> {
  await pull(client, `/v2/${repository.name}/manifests/${reference}`, artifact.manifest);
  for (const blob of artifact.blobs) await pull(client, `/v2/${repository.name}/blobs/${blob.digest}`, blob);
  const kept = repository.kept();
  for (const other of [...artifact.children, ...artifact.referrers]) {
    const { digest } = other.manifest;
    if (kept.has(digest)) await pullWhole(client, repository, digest, other);
  }
}

async function pull(client: Client, path: string, { digest }: Content): Promise<void> {
  const { body } = await client.send("GET", path, { expected: [200] });
  if (contentOf(body).digest !== digest) throw new Error(`GET ${path} was answered with other bytes`);
}
