import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { randomFrom } from "../support/pusher.ts";
import { DATABASES } from "../support/registry.ts";
import type { Actor, Position } from "../support/stage.ts";
import * as act from "../support/world.ts";
import { type Act, type Claims, World } from "../support/world.ts";

/** Those who push: what they are told, they rely on. */
const PUSHERS = {
  "get a token": act.getToken,
  "HEAD of a blob": act.headBlob,
  "HEAD of a manifest": act.headManifest,
  "upload of a blob that is there": act.uploadStale,
  "upload of a blob that another repository has": act.uploadStaleElsewhere,
  "upload of a new blob": act.uploadFresh,
  "chunk of an upload": act.goOnWithUpload,
  "end of an upload": act.finishUpload,
  mount: act.mount,
  "push of a manifest": act.putManifest,
  "push of a manifest that moves a tag": act.putTaggedManifest,
  "push of a manifest that is there": act.putKnownManifest,
  "push of an index": act.putIndex,
  "begin of a push": act.beginPush,
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
/** Who acts in a world of his own only. */
const SPECIAL: Record<string, Act> = {
  ...ALL,
  "sweep of another registry": act.sweepLinksOfOther,
  "push of the opposite": act.putOpposite,
  "push as containerd does it": act.headThenPutIndex,
  "a day passes": act.aDayPasses,
  "a purge a day later": act.aDayLater,
};

/** Which collectors go on while others are held: the whole, and those that the whole waits for a lock before. */
const BESIDE = [
  "a whole collection",
  "sweep of links",
  "review of blobs",
  "purge of uploads",
  "emptying of what is hidden",
  "work on a run",
  "folding of counters",
];
/** Where nobody pushes, a pusher gets a token first. */
const NEWCOMERS = ["get a token", "begin of a push", "push as docker does it"];

/** The small worlds in which the protocol was searched for a way to break it, as far as they have no power cut. */
const WORLDS: Record<string, { actors: readonly string[]; quietly?: boolean }> = {
  "a push that finds a blob, while it is collected": {
    actors: ["push as docker does it", "sweep of links", "review of blobs", "emptying of trash"],
  },
  "the same digest pushed to two repositories while it is deleted": {
    actors: [
      "upload of a blob that is there",
      "upload of a blob that another repository has",
      "sweep of links",
      "review of blobs",
      "emptying of trash",
    ],
  },
  "two collectors at once on two repositories' last links": {
    actors: ["sweep of links", "sweep of links", "review of blobs", "review of blobs", "emptying of trash"],
  },
  "runs of two registries take the last links of one blob": {
    actors: ["sweep of links", "sweep of another registry", "review of blobs", "emptying of trash"],
  },
  "a mount from a repository whose link is being collected": {
    actors: ["mount", "sweep of links", "review of blobs", "emptying of trash"],
  },
  "a mount and an upload of one digest meet, and a user deletes the source": {
    actors: [
      "mount",
      "upload of a blob that another repository has",
      "delete of a blob",
      "sweep of links",
      "review of blobs",
    ],
  },
  "a manifest is pushed while one that shares its blobs is deleted and collected": {
    actors: ["push as docker does it", "delete of a manifest", "sweep of links", "review of blobs"],
  },
  "two manifests over the same blobs in opposite orders": {
    actors: ["push of a manifest", "push of the opposite", "delete of a manifest", "sweep of links"],
  },
  "an index over children, while untagged manifests are collected and a user deletes": {
    actors: ["push of an index", "delete of an index's child", "sweep of manifests", "sweep of links"],
  },
  "a stale child is taken into a new index": {
    actors: ["push of an index", "push of a manifest that is there", "sweep of manifests", "sweep of links"],
  },
  "a child is found by HEAD, then listed in an index": {
    actors: ["push as containerd does it", "sweep of manifests", "sweep of links", "review of blobs"],
  },
  "an upload session expires in the middle of a chunk": {
    actors: [
      "chunk of an upload",
      "end of an upload",
      "a day passes",
      "purge of uploads",
      "emptying of trash",
    ],
  },
  "a run is cancelled in the middle of a sweep, during a push": {
    actors: ["push as docker does it", "work on a run", "cancel of a run", "review of blobs"],
  },
  "a push begins in a registry that is quiet": {
    actors: ["push as docker does it", "sweep of links", "sweep of manifests", "review of blobs"],
    quietly: true,
  },
};

/** Seeds of the orders in which the actors of a world take their steps. */
const ORDERS = Array.from({ length: Number(process.env.RACE_ORDERS ?? 20) }, (_, seed) => seed + 1);

/** Who goes on while the first one is held. */
function othersThan(first: string): string[] {
  const others = [...Object.keys(USERS), ...Object.keys(RUNS), ...BESIDE];
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

  it.each(["sweep of manifests", "sweep of links", "a whole collection", "work on a run"])(
    "%s, held at every point while an upload ends that outlived its token",
    async (first) => {
      for (let point = 0; ; point++) {
        await world.restore({ ending: true });
        if (await race(first, "end of an upload", point)) return;
      }
    },
  );

  it.each(["chunk of an upload", "end of an upload"])("%s, held while its session expires", async (first) => {
    for (let point = 0; ; point++) {
      await world.restore();
      if (await race(first, "a purge a day later", point, expectUploadToGoOn)) return;
    }
  });

  /** Who is told that a chunk was taken can go on, unless the session ran out only after that. */
  async function expectUploadToGoOn({ outcome, story }: Actor, heldAt: number): Promise<void> {
    const url = outcome?.status === "fulfilled" ? (outcome.value as Claims).upload : undefined;
    if (url === undefined || story.lastIndexOf("update upload_session") < heldAt) return;
    const answer = await world.registry.oci("GET", url, await world.newToken());
    expect(answer.status, "an upload that took a chunk").toBe(204);
  }

  it.each(Object.entries(WORLDS))("%s, in any order", async (name, { actors, quietly = false }) => {
    for (const seed of ORDERS) {
      await world.restore({ quietly });
      await inAnyOrder(actors, randomFrom(seed), `${name}, order ${seed}`);
    }
  });

  /** One step after another, each by whoever the dice choose. */
  async function inAnyOrder(names: readonly string[], random: () => number, where: string): Promise<void> {
    const { stage } = world;
    const actors = names.map((name) => stage.start(name, () => (SPECIAL[name] as Act)(world), 0));
    for (;;) {
      const positions: Position[] = [];
      for (const actor of actors) positions.push(await stage.settled(actor));
      const ready = actors.filter((_, index) => positions[index] === "held");
      if (positions.every((position) => position === "done")) break;
      ready[Math.floor(random() * ready.length)]?.step();
    }
    await expectToHold(actors, where);
  }

  async function raceAtEveryPoint(first: string, second: string, how: { quietly: boolean }): Promise<void> {
    for (let point = 0; ; point++) {
      await world.restore(how);
      if (await race(first, second, point)) return;
    }
  }

  /** Holds the first at a point, lets the second go as far as it can, then both. `true`: there is no such point. */
  async function race(
    first: string,
    second: string,
    point: number,
    expectOfFirst: (one: Actor, heldAt: number) => Promise<void> = async () => {},
  ): Promise<boolean> {
    const { stage } = world;
    const one = stage.start(first, () => (SPECIAL[first] as Act)(world), point);
    const ended = (await stage.settled(one)) === "done";
    const other = stage.start(second, () => (SPECIAL[second] as Act)(world));
    const overtook = (await stage.settled(other)) === "done";
    one.release();
    await stage.settled(one);
    // Whoever waited for the other one can go on now.
    for (const actor of [one, other]) while ((await stage.settled(actor)) !== "done");
    await expectToHold([one, other], `${first} held at ${point}, then ${second}`);
    if (!ended && overtook) await expectOfFirst(one, point);
    return ended;
  }

  async function expectToHold(actors: readonly Actor[], where: string): Promise<void> {
    const story = actors.map(({ name, story }) => `${name}: ${story.join(", ")}`).join("\n");
    const claims = actors.map(({ outcome }): Claims | undefined => {
      if (outcome?.status === "rejected") throw new Error(`${where}\n${story}`, { cause: outcome.reason });
      return outcome?.value as Claims | undefined;
    });
    try {
      expect(
        actors.filter((actor) => actor.deadlocked).map(({ name }) => name),
        "deadlocks",
      ).toEqual([]);
      await world.expectToHold(claims);
    } catch (cause) {
      throw new Error(`${where}\n${story}`, { cause });
    }
  }
});
