// All verbs of this room have help.
import { PassThrough } from 'node:stream';
import { Command } from 'commander';
import { expect, test } from 'vitest';
import { registerModelsCommand, registerWorkerCommand } from './commands.ts';
import type { WorkerIo } from './worker-io.ts';

test('every verb has help with examples', async () => {
  for (const words of [
    ['worker'],
    ['models'],
    ['models', 'ls'],
    ['models', 'set'],
    ['models', 'default'],
    ['models', 'rm'],
    ['models', 'test'],
  ]) {
    const said = { out: '' };
    const program = new Command('bowline').exitOverride();
    const used: WorkerIo = {
      env: {},
      stdin: new PassThrough(),
      stdout: { write() {} },
      stderr: { write() {} },
    };
    registerWorkerCommand(program, used);
    registerModelsCommand(program, used);
    const command = words.reduce((at: Command, word) => at.commands.find((c) => c.name() === word)!, program);
    command.configureOutput({ writeOut: (text) => (said.out += text) }).outputHelp();
    if (words.join() !== 'models') expect(said.out).toMatch(/Examples?:/);
  }
});
