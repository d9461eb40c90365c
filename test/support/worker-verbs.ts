// The verbs of workers, as a person types them, on a home in a temporary folder that goes with the test.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { Command } from 'commander';
import { afterEach, beforeEach } from 'vitest';
import { registerModelsCommand, registerWorkerCommand } from '../../src/worker/program/commands.ts';
import type { WorkerIo } from '../../src/worker/program/worker-io.ts';

export interface Ran {
  readonly out: string;
  readonly err: string;
}

/** Runs verbs in a home of each test's own. */
export class WorkerVerbs {
  home = '';

  constructor() {
    beforeEach(() => {
      this.home = mkdtempSync(join(tmpdir(), 'bowline-test-worker-'));
    });
    afterEach(() => rmSync(this.home, { recursive: true, force: true }));
  }

  async run(words: readonly string[], io: Partial<WorkerIo> = {}): Promise<Ran> {
    const said = { out: '', err: '' };
    const program = new Command('bowline')
      .exitOverride()
      .configureOutput({ writeOut: (t) => (said.out += t), writeErr: () => {} });
    program.option('--home <folder>').option('--control <url>');
    const used: WorkerIo = {
      env: {},
      stdin: new PassThrough(),
      stdout: { write: (text) => (said.out += text) },
      stderr: { write: (text) => (said.err += text) },
      ...io,
    };
    registerWorkerCommand(program, used);
    registerModelsCommand(program, used);
    await program.parseAsync(['--home', this.home, ...words], { from: 'user' });
    return said;
  }
}
