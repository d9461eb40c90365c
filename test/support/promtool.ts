// Finds promtool, Prometheus' own checker of metrics and rules, or installs it where that is possible.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { aptInstall } from './apt.ts';

const run = promisify(execFile);

/** The path of the program; undefined where it cannot be had. A test that is skipped for it has it in its name. */
export function promtool(): Promise<string | undefined> {
  return aptInstall(['prometheus'], installed, 'install prometheus (promtool on the PATH)').catch(() => undefined);
}

async function installed(): Promise<string | undefined> {
  const where = await run('sh', ['-c', 'command -v promtool']).catch(() => undefined);
  return where?.stdout.trim() || undefined;
}
