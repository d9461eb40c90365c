// How the tests run: two processes at a time, each file in its own, and one plain closing line.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    globals: false,
    globalSetup: [
      './test/support/ensure-built.ts',
      './test/support/ensure-redis.ts',
      './test/support/ensure-bubblewrap.ts',
    ],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 20_000,
    // A first database of a file is created here.
    hookTimeout: 60_000,
    reporters: ['default', './test/support/closing-line.ts'],
  },
});
