// A GGUF model as the default of a whole Bowline: an ask is answered by it through edge, control plane and worker, and a cancel
// reaches it.
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { GGUF, LLAMA_FOLDER, llamaProblem } from '../support/llama.ts';
import { Stack } from '../support/stack.ts';

// Real processes, each with its own start, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

/** More tokens than are written before a cancel is there. */
const MOST = 3500;

const problem = llamaProblem();
const llamaTest = problem === '' ? test : test.skip;

let stack: Stack;
beforeAll(async () => {
  if (problem !== '') return;
  stack = await Stack.create({ 'notes.md': '# Notes\n' });
  symlinkSync(LLAMA_FOLDER, join(stack.home, 'llama'));
  models(64);
  await stack.control();
  await stack.worker();
  await stack.edge();
});
afterAll(() => stack?.close());

const models = (most: number) =>
  stack.write(
    'home/models.yaml',
    `default: tiny\nmodels:\n  tiny:\n    provider: gguf\n    file: ${GGUF}\n    context_tokens: 4096\n    max_output_tokens: ${most}\n`,
    0o600,
  );

llamaTest('an ask is answered by the model file, and its usage is on the job', async () => {
  const { code, stdout } = await stack.cli(['ask', '--json', 'Hello there.']);
  const told = JSON.parse(stdout);
  // Random weights: it says anything, up to its limit.
  expect([0, 8], stdout).toContain(code);
  const shown = JSON.parse((await stack.cli(['runs', 'show', told.id, '--json'])).stdout);
  expect(JSON.stringify(shown)).toContain('tiny');
  expect(Number(shown.usage?.outputTokens ?? 0), JSON.stringify(shown)).toBeGreaterThan(0);
});

llamaTest('a cancel reaches the model in mid-answer; what it wrote until then is on the run', async () => {
  await stack.running('worker').stop();
  models(MOST);
  await stack.worker();
  const asked = await stack.cli(['ask', '--json', '--no-wait', 'Tell me a long story.']);
  const { id: runId } = JSON.parse(asked.stdout);
  const watch = stack.spawnCli(['runs', 'watch', runId]);
  // Its first words: more than the lines that say how far the run is.
  await watch.until(/[\s\S]{200}/);
  expect((await stack.cli(['runs', 'cancel', runId])).code).toBe(0);
  await watch.ended;
  await vi.waitFor(
    async () => {
      const shown = JSON.parse((await stack.cli(['runs', 'show', runId, '--json'])).stdout);
      expect(shown.state).toBe('cancelled');
      const written = Number(shown.usage?.outputTokens ?? 0);
      expect(written).toBeGreaterThan(0);
      expect(written).toBeLessThan(MOST);
    },
    { timeout: 20_000, interval: 250 },
  );
  expect(stack.running('worker').running).toBe(true);
});

llamaTest('what is missing is said with the command that installs it, before a worker starts', async () => {
  const bare = await Stack.create();
  try {
    bare.write('home/models.yaml', `models:\n  tiny:\n    provider: gguf\n    file: ${GGUF}\n`, 0o600);
    await bare.control();
    const { code, stderr } = await bare.cli(['worker', '--serve', 'llm']);
    expect(code).not.toBe(0);
    expect(stderr).toContain('npm i --no-save --ignore-scripts --omit=optional --prefix');
    expect(stderr).toContain('node-llama-cpp@');
  } finally {
    await bare.close();
  }
});
