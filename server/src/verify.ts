/**
 * `boxyard verify`: whether rows agree with rows and, with --full, with every byte. It looks for itself instead of asking
 * the server, so that it works beside a running one and without; only --repair wants the data folder alone.
 */
import type { Config } from "./config.ts";
import { type Finding, repair, type VerifyProgress, verify } from "./gc/verify.ts";
import { takeDataFolder } from "./process/data-folder.ts";
import { explainBackendFailure } from "./process/start-failures.ts";
import { type Backend, openBackend, openBackendForReading } from "./registry/backend.ts";

const REDRAW_MS = 200;
/** Into a file or a log, a line now and then. */
const LOG_MS = 10_000;

/** Prints what is wrong. Returns the exit code: 0 where nothing is, 1 otherwise. */
export async function runVerify(config: Config, options: { full: boolean; repair: boolean }): Promise<0 | 1> {
  if (options.repair) await runRepair(config, options);
  await using backend = await opened(config, openBackendForReading(config));
  const progress = new ProgressLine();
  const findings: Finding[] = [];
  await verify(backend, {
    full: options.full,
    onFinding: (finding) => {
      findings.push(finding);
      progress.clear();
      process.stdout.write(
        `✗ ${finding.check}: ${finding.subject} says ${finding.found}, expected ${finding.expected}\n`,
      );
    },
    onProgress: (state) => progress.show(state),
  });
  progress.clear();
  const what = options.full ? "rows and bytes" : "rows";
  process.stdout.write(findings.length === 0 ? `✓ ${what} agree\n` : `${findings.length} wrong in ${what}\n`);
  return findings.length === 0 ? 0 : 1;
}

/** Nobody else works on the folder meanwhile: its lock is taken, as by a server. */
async function runRepair(config: Config, { full }: { full: boolean }): Promise<void> {
  using _folder = takeDataFolder(config.dataDir);
  await using backend = await opened(config, openBackend(config));
  await repair(backend, { full });
}

function opened(config: Config, backend: Promise<Backend>): Promise<Backend> {
  return backend.catch((error: unknown) => {
    throw explainBackendFailure(error, config);
  });
}

/** Says how far it is and how long it will take: in one line on a terminal, else in a line every ten seconds. */
class ProgressLine {
  readonly #isTerminal = process.stderr.isTTY;
  #stage: string | undefined;
  #startedAt = 0;
  #drawnAt = 0;

  show({ stage, done, total }: VerifyProgress): void {
    const now = performance.now();
    if (stage !== this.#stage) {
      this.#stage = stage;
      this.#startedAt = now;
      this.#drawnAt = now;
    }
    if (now - this.#drawnAt < (this.#isTerminal ? REDRAW_MS : LOG_MS)) return;
    this.#drawnAt = now;
    const line = describeProgress(stage, done, total, now - this.#startedAt);
    process.stderr.write(this.#isTerminal ? `\r\x1b[K${line}` : `${line}\n`);
  }

  clear(): void {
    if (this.#isTerminal) process.stderr.write("\r\x1b[K");
  }
}

function describeProgress(stage: string, done: number, total: number, elapsedMs: number): string {
  const share = total === 0 ? 1 : done / total;
  const leftSeconds = share === 0 ? Number.NaN : ((elapsedMs / share) * (1 - share)) / 1000;
  const left = Number.isFinite(leftSeconds) ? `, about ${Math.ceil(leftSeconds)} s left` : "";
  return `${stage}: ${Math.floor(share * 100)} %${left}`;
}
