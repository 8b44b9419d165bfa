import { Command, Option } from "commander";
import { CommandError } from "./command-error.ts";
import { listAll } from "./pages.ts";
import { call, type Target } from "./server.ts";
import { presentBytes, tableOf } from "./table.ts";

const TYPES = {
  manifests: "untagged manifests only",
  blobs: "unreferenced blobs only",
  both: "untagged manifests and unreferenced blobs",
} as const;

const ACTIVE = new Set([
  "requested",
  "waiting for write JWTs to expire",
  "scanning manifests",
  "deleting unreferenced blobs",
  "cancelling",
]);

const POLL_MS = 300;
const BAR_WIDTH = 24;

interface Run {
  uuid: string;
  status: string;
  type: string;
  created_at: string;
  updated_at: string;
  blobs_deleted: number;
  freed_bytes: number;
  failure: string | null;
}

interface Preview {
  type: string;
  manifests_deleted: number;
  blobs_deleted: number;
  freed_bytes: number;
  repositories: { name: string; manifests: number; blobs: number; bytes: number }[];
  held: {
    manifests: number;
    blobs: number;
    bytes: number;
    until: string | null;
    write_tokens: number;
    last_write_token_expires_at: string | null;
    open_uploads: number;
  };
}

interface Settings {
  garbage_collection: {
    writes: string | null;
    schedule: { cron: string; type: string } | null;
    next_run_at: string | null;
  };
}

/** `boxyard gc …`. What it prints goes to `print`, a line or a whole text at a time. */
export function gcCommand(targetOf: () => Target, print: (text: string) => void): Command {
  const gc = new Command("gc").description("collect garbage, see what it would free, and when it runs");
  const type = () =>
    new Option("--type <type>", "what a run deletes").choices(Object.keys(TYPES)).default("both");
  const json = () => new Option("--json", "print the server's answer as it is");

  gc.command("start")
    .description("start a run; pushes go on meanwhile")
    .argument("[registry]", "the account's only one, if it is not named")
    .addOption(type())
    .addOption(
      new Option("--writes <writes>", "whether pushes go on")
        .choices(["continue", "pause"])
        .default("continue"),
    )
    .option("--wait", "until it has ended; exit 1 if it did not succeed")
    .addOption(json())
    .action(
      async (
        name: string | undefined,
        options: { type: keyof typeof TYPES; writes: string; wait?: true; json?: true },
      ) => {
        const target = targetOf();
        const path = await pathOf(target, name);
        const wanted = { type: TYPES[options.type], writes: options.writes };
        const expected = options.wait ? await previewOf(target, path, wanted.type) : undefined;
        const { garbage_collection: run } = await call<{ garbage_collection: Run }>(
          target,
          "POST",
          `/v2${path}/garbage-collection`,
          wanted,
        );
        if (expected === undefined)
          return print(options.json ? pretty(run) : `started ${run.uuid}: ${run.type}`);
        const ended = await waitFor(target, path, run.uuid, expected.preview);
        print(options.json ? pretty(ended) : describeRun(ended));
        if (ended.status !== "succeeded") throw new CommandError(`the run ${ended.uuid} ${ended.status}`);
      },
    );

  gc.command("status")
    .description("the run that is under way")
    .argument("[registry]")
    .addOption(json())
    .action(async (name: string | undefined, options: { json?: true }) => {
      const target = targetOf();
      const path = await pathOf(target, name);
      const { garbage_collection: run } = await call<{ garbage_collection: Run }>(
        target,
        "GET",
        `/v2${path}/garbage-collection`,
      );
      print(options.json ? pretty(run) : describeRun(run));
    });

  gc.command("cancel")
    .description("end the run that is under way; what it has done stays done")
    .argument("[registry]")
    .action(async (name: string | undefined) => {
      const target = targetOf();
      const path = await pathOf(target, name);
      const { garbage_collection: run } = await call<{ garbage_collection: Run }>(
        target,
        "GET",
        `/v2${path}/garbage-collection`,
      );
      await call(target, "PUT", `/v2${path}/garbage-collection/${run.uuid}`, { cancel: true });
      print(`cancelling ${run.uuid}`);
    });

  gc.command("history")
    .description("runs, newest first")
    .argument("[registry]")
    .addOption(json())
    .action(async (name: string | undefined, options: { json?: true }) => {
      const target = targetOf();
      const path = await pathOf(target, name);
      const runs = await listAll<Run>(target, `/v2${path}/garbage-collections`, "garbage_collections");
      if (options.json) return print(pretty(runs));
      const rows = runs.map((run) => [
        run.created_at,
        run.status,
        run.type,
        String(run.blobs_deleted),
        presentBytes(run.freed_bytes),
        run.uuid,
      ]);
      print(tableOf(["STARTED", "STATUS", "TYPE", "BLOBS", "FREED", "UUID"], rows));
    });

  gc.command("preview")
    .description("what a run would delete and free now, without running it")
    .argument("[registry]")
    .addOption(type())
    .addOption(json())
    .action(async (name: string | undefined, options: { type: keyof typeof TYPES; json?: true }) => {
      const target = targetOf();
      const { preview } = await previewOf(target, await pathOf(target, name), TYPES[options.type]);
      print(options.json ? pretty(preview) : describePreview(preview));
    });

  gc.command("schedule")
    .description(
      "when runs start by themselves: a cron expression of five fields in UTC, off, or nothing to see it",
    )
    .argument("[cron]", 'for example "0 3 * * *"')
    .addOption(type())
    .option("--registry <registry>")
    .addOption(json())
    .action(
      async (
        cron: string | undefined,
        options: { type: keyof typeof TYPES; registry?: string; json?: true },
      ) => {
        const target = targetOf();
        const path = `/api/v1${await pathOf(target, options.registry)}/settings`;
        const schedule = cron === "off" ? null : { cron, type: TYPES[options.type] };
        const { settings } =
          cron === undefined
            ? await call<{ settings: Settings }>(target, "GET", path)
            : await call<{ settings: Settings }>(target, "PATCH", path, { garbage_collection: { schedule } });
        print(options.json ? pretty(settings.garbage_collection) : describeSchedule(settings));
      },
    );

  return gc;
}

/** The registry's path below a family of routes. */
async function pathOf(target: Target, name: string | undefined): Promise<string> {
  if (name !== undefined) return `/registries/${encodeURIComponent(name)}`;
  const { registry } = await call<{ registry: { name: string } }>(target, "GET", "/v2/registry");
  return `/registries/${registry.name}`;
}

function previewOf(target: Target, path: string, type: string): Promise<{ preview: Preview }> {
  return call(target, "POST", `/api/v1${path}/garbage-collection-preview?per_page=1`, { type });
}

/** Looks at the run until it has ended, with a bar on a terminal. */
async function waitFor(target: Target, path: string, uuid: string, expected: Preview): Promise<Run> {
  const isTerminal = process.stderr.isTTY;
  for (;;) {
    const { garbage_collections: runs } = await call<{ garbage_collections: Run[] }>(
      target,
      "GET",
      `/v2${path}/garbage-collections?per_page=20`,
    );
    const run = runs.find((one) => one.uuid === uuid);
    if (run === undefined) throw new CommandError(`the run ${uuid} is gone`);
    if (isTerminal) process.stderr.write(`\r\x1b[K${ACTIVE.has(run.status) ? barOf(run, expected) : ""}`);
    if (!ACTIVE.has(run.status)) return run;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function barOf(run: Run, expected: Preview): string {
  const share = expected.blobs_deleted === 0 ? 0 : Math.min(1, run.blobs_deleted / expected.blobs_deleted);
  const full = Math.round(share * BAR_WIDTH);
  const bar = "█".repeat(full) + "░".repeat(BAR_WIDTH - full);
  return `${bar} ${run.status} · ${run.blobs_deleted} blobs, ${presentBytes(run.freed_bytes)} freed`;
}

function describeRun(run: Run): string {
  const failure = run.failure === null ? "" : `\na step failed: ${run.failure}`;
  return `${run.status}: ${run.type} · ${run.blobs_deleted} blobs, ${presentBytes(run.freed_bytes)} freed · ${run.uuid}${failure}`;
}

function describePreview(preview: Preview): string {
  const lines = [
    `${preview.type}: ${preview.manifests_deleted} manifests, ${preview.blobs_deleted} blobs, ${presentBytes(preview.freed_bytes)} to free`,
  ];
  const { held } = preview;
  if (held.manifests + held.blobs > 0) {
    const until = held.until === null ? "" : ` until ${held.until} at the latest`;
    const why = `${held.write_tokens} live write tokens, ${held.open_uploads} open uploads`;
    lines.push(
      `held by leases${until}: ${held.manifests} manifests, ${held.blobs} blobs, ${presentBytes(held.bytes)} (${why})`,
    );
  }
  if (preview.repositories.length > 0) {
    const rows = preview.repositories.map((one) => [
      one.name,
      String(one.manifests),
      String(one.blobs),
      presentBytes(one.bytes),
    ]);
    lines.push("", tableOf(["REPOSITORY", "MANIFESTS", "BLOBS", "BYTES"], rows));
  }
  return lines.join("\n");
}

function describeSchedule({ garbage_collection: { schedule, next_run_at: next } }: Settings): string {
  return schedule === null ? "off" : `${schedule.cron} (UTC): ${schedule.type}, next at ${next}`;
}

function pretty(value: unknown): string {
  return JSON.stringify(value, null, 2);
}
