// How the tests run: three processes at a time (most of them wait more than they work), each file in its own, and one plain closing line.
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Small files that take long: begun first, so that the end is not one of them alone. */
const LONG =
  /(?:chaos\/(?:cluster|kills|faulty-parts)|pglite|rolling-restart|restored-database|shell\/isolation|fuzz\/fuzz|e2e\/(?:pages|package|cut-mid-answer|answers|approvals|health))\.test\.ts$/;

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const long = ({ moduleId }: TestSpecification) => LONG.test(moduleId);
    return [...sorted.filter(long), ...sorted.filter((file) => !long(file))];
  }
}

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    globals: false,
    globalSetup: [
      './test/support/ensure-built.ts',
      './test/support/ensure-redis.ts',
      './test/support/ensure-bubblewrap.ts',
    ],
    sequence: { sequencer: LongFirst },
    pool: 'forks',
    maxWorkers: 3,
    testTimeout: 20_000,
    // A first database of a file is created here.
    hookTimeout: 60_000,
    reporters: ['default', './test/support/closing-line.ts'],
  },
});
