// The reporter behind the last line of `make test`. It counts; it shows nothing else.
import type { Reporter, TestModule } from 'vitest/node';

/** Prints `N passed, N failed, N skipped` as the very last line; a file that cannot be loaded counts as one failed test. */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const count = { passed: 0, failed: unhandled.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      const tests = [...module.children.allTests()];
      for (const test of tests) count[test.result().state] += 1;
      if (tests.every((test) => test.result().state !== 'failed') && !module.ok()) count.failed += 1;
    }
    const skipped = count.skipped + count.pending;
    const line = `${count.passed} passed, ${count.failed} failed, ${skipped} skipped\n`;
    // Other reporters write their summaries after this call.
    process.once('exit', () => process.stdout.write(line));
  }
}
