import type { Reporter, TestModule } from "vitest/node";

/**
 * Ends a run with `N passed, N failed` alone on the last line. What fails outside a test
 * (a file that does not load, a hook, the set-up, an unhandled error) counts as failed.
 */
export class ClosingLine implements Reporter {
  #passed = 0;
  #failed = 0;
  #skipped = 0;

  // At exit, because errors of the set-up and the teardown are printed after the end of the run.
  onInit(): void {
    process.once("exit", (code) => {
      const failed = this.#failed === 0 && code !== 0 ? 1 : this.#failed;
      const skipped = this.#skipped > 0 ? `, ${this.#skipped} skipped` : "";
      process.stdout.write(`${this.#passed} passed, ${failed} failed${skipped}\n`);
    });
  }

  onTestRunEnd(testModules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const tests = testModules.flatMap((module) => [...module.children.allTests()]);
    const groups = testModules.flatMap((module) => [module, ...module.children.allSuites()]);
    const count = (state: string) => tests.filter((test) => test.result().state === state).length;

    this.#passed = count("passed");
    this.#skipped = count("skipped");
    this.#failed =
      count("failed") + groups.filter((group) => group.errors().length > 0).length + unhandledErrors.length;
  }
}
