// How the tests run: three processes at a time (most of them wait more than they work), long files first, and one plain closing line.
import { globSync, readFileSync } from 'node:fs';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
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

/** A test that replaces a module, or changes what its whole process sees, needs a process of its own. */
const OWN_PROCESS = /\bvi\.mock\(|\bprocess\.(?:chdir|exit|umask|once?)\b|\bprocess\.env\.\w+ = /;
const unit = globSync('src/**/*.test.ts');
const alone = unit.filter((file) => OWN_PROCESS.test(readFileSync(file, 'utf8')));

const project = (name: string, test: TestProjectInlineConfiguration['test']): TestProjectInlineConfiguration => ({
  extends: true,
  test: { name, ...test },
});

export default defineConfig({
  test: {
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
    projects: [
      project('alone', { include: ['test/**/*.test.ts', ...alone] }),
      // Nothing of these stays in their process: they share its modules, which saves a third of their time.
      project('shared', { include: ['src/**/*.test.ts'], exclude: alone, isolate: false }),
    ],
  },
});
