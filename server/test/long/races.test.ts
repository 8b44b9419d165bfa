import { afterAll, beforeAll, describe, it } from "vitest";
import { DATABASES } from "../support/registry.ts";
import type { Actor } from "../support/stage.ts";
import * as act from "../support/world.ts";
import { type Act, type Claims, World } from "../support/world.ts";

/** Those who push: what they are told, they rely on. */
const PUSHERS = {
  "get a token": act.getToken,
  "HEAD of a blob": act.headBlob,
  "HEAD of a manifest": act.headManifest,
  "upload of a blob that is there": act.uploadStale,
  "upload of a blob that another repository has": act.uploadStaleToB,
  "upload of a new blob": act.uploadFresh,
  "chunk of an upload": act.goOnWithUpload,
  "end of an upload": act.finishUpload,
  mount: act.mount,
  "push of a manifest": act.putManifest,
  "push of a manifest that moves a tag": act.putTaggedManifest,
  "push of a manifest that is there": act.putKnownManifest,
  "push of an index": act.putIndex,
  "push as docker does it": act.pushAsDocker,
} satisfies Record<string, Act>;

/** Those who remove something for a user. */
const USERS = {
  "delete of a manifest": act.deleteManifest,
  "delete of an index's child": act.deleteChild,
  "delete of a tag": act.deleteTag,
  "delete of a blob": act.deleteBlob,
  "delete of a repository": act.deleteRepository,
  "cancel of an upload": act.cancelUpload,
} satisfies Record<string, Act>;

/** Those who collect what nobody needs. */
const COLLECTORS = {
  "sweep of manifests": act.sweepManifestsOfAcme,
  "sweep of links": act.sweepLinksOfAcme,
  "review of blobs": act.reviewAllBlobs,
  "emptying of trash": act.emptyAllTrash,
  "purge of uploads": act.purgeUploads,
  "purge of write tokens": act.purgeTokens,
  "emptying of what is hidden": act.emptyAllHidden,
  "folding of counters": act.foldAllUsage,
  "a whole collection": act.collect,
  "work on a run": act.workOnTheRun,
} satisfies Record<string, Act>;

const RUNS = { "start of a run": act.startARun, "cancel of a run": act.cancelTheRun } satisfies Record<
  string,
  Act
>;

const ALL: Record<string, Act> = { ...PUSHERS, ...USERS, ...COLLECTORS, ...RUNS };

/** Those who do all that a collector does, or what no other one does: while these go on, the others are held. */
const WHOLE = [
  "a whole collection",
  "purge of uploads",
  "emptying of what is hidden",
  "work on a run",
  "folding of counters",
];
/** Where nobody pushes, a pusher gets a token first. */
const NEWCOMERS = ["get a token", "push as docker does it"];

/** Who goes on while the first one is held. */
function othersThan(first: string): string[] {
  const others = [...Object.keys(USERS), ...Object.keys(RUNS), ...WHOLE];
  return first in PUSHERS
    ? ["upload of a blob that is there", "mount", "push as docker does it", ...others]
    : [...Object.keys(PUSHERS), ...others];
}

describe.each(DATABASES)("two at once on %s", (database) => {
  let world: World;
  beforeAll(async () => {
    world = await World.open(database);
  });
  afterAll(() => world[Symbol.asyncDispose]());

  it.each(Object.keys(ALL))("%s, held at every point while another goes on", async (first) => {
    for (const second of othersThan(first)) await raceAtEveryPoint(first, second, { quietly: false });
  });

  const mayActQuietly = (name: string) => !(name in PUSHERS) || NEWCOMERS.includes(name);

  it.each(Object.keys(ALL).filter(mayActQuietly))(
    "%s, the same where nobody pushed before",
    async (first) => {
      for (const second of othersThan(first).filter(mayActQuietly)) {
        await raceAtEveryPoint(first, second, { quietly: true });
      }
    },
  );

  async function raceAtEveryPoint(first: string, second: string, how: { quietly: boolean }): Promise<void> {
    for (let point = 0; ; point++) {
      await world.restore(how);
      if (await race(first, second, point)) return;
    }
  }

  /** Holds the first at a point, lets the second go as far as it can, then both. `true`: there is no such point. */
  async function race(first: string, second: string, point: number): Promise<boolean> {
    const { stage } = world;
    const one = stage.start(first, () => (ALL[first] as Act)(world), point);
    const ended = (await stage.settled(one)) === "done";
    const other = stage.start(second, () => (ALL[second] as Act)(world));
    await stage.settled(other);
    one.release();
    await stage.settled(one);
    // Whoever waited for the other one can go on now.
    for (const actor of [one, other]) while ((await stage.settled(actor)) !== "done");
    await expectToHold([one, other], `${first} held at ${point}, then ${second}`);
    return ended;
  }

  async function expectToHold(actors: readonly Actor[], where: string): Promise<void> {
    const story = actors.map(({ name, story }) => `${name}: ${story.join(", ")}`).join("\n");
    const claims = actors.map(({ outcome }): Claims | undefined => {
      if (outcome?.status === "rejected") throw new Error(`${where}\n${story}`, { cause: outcome.reason });
      return outcome?.value as Claims | undefined;
    });
    try {
      await world.expectToHold(claims);
    } catch (cause) {
      throw new Error(`${where}\n${story}`, { cause });
    }
  }
});
