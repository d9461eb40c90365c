// The verb `health`: one look at one program, for container runtimes: a control plane over grpc.health.v1, a worker by the file
// that it touches while its sessions stand. It needs no key.
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { controlAddress } from '../../base/control-address.ts';
import { EXIT } from '../../base/status-codes.ts';
import { type GlobalOptions, homeOf } from '../client.ts';
import type { CliIo } from '../io.ts';
import { isReady, type Verdict } from '../is-ready.ts';
import { Printer } from '../output.ts';
import { parseDuration } from '../units.ts';

interface HealthOptions extends GlobalOptions {
  file?: string;
  maxAge: number;
  timeout: number;
}

export function healthVerb(io: CliIo): Command {
  return new Command('health')
    .description(
      'Tell whether a control plane is ready, or a worker connected; exit code 0 when it is, 6 when it is not',
    )
    .option('--file <path>', 'look at this file, which `worker --health-file` touches while it is connected')
    .addOption(
      new Option('--max-age <time>', 'how old that file may be').argParser(parseDuration).default(15_000, '15s'),
    )
    .addOption(new Option('--timeout <time>', 'most time for an answer').argParser(parseDuration).default(4_000, '4s'))
    .addHelpText(
      'after',
      `
Examples:
  $ bowline health --control https://control:7420
  $ bowline health --file /run/bowline/worker.ok`,
    )
    .action((_o, command: Command) => health(io, command.optsWithGlobals<HealthOptions>()));
}

async function health(io: CliIo, options: HealthOptions): Promise<void> {
  const { ok, what } =
    options.file === undefined ? await control(io, options) : worker(io, options.file, options.maxAge);
  new Printer(ok ? io.stdout : io.stderr, io.env).line(what);
  if (!ok) io.exit(EXIT.failed);
}

async function control(io: CliIo, options: HealthOptions): Promise<Verdict> {
  return isReady(
    controlAddress({ flag: options.control, env: io.env, paths: homeOf(io, options), joined: true }),
    options.timeout,
  );
}

function worker(io: CliIo, file: string, maxAgeMs: number): Verdict {
  const stat = statSync(resolve(io.cwd, file), { throwIfNoEntry: false });
  if (!stat) return { ok: false, what: `not connected: there is no ${file}` };
  const age = Date.now() - stat.mtimeMs;
  return age <= maxAgeMs
    ? { ok: true, what: 'connected' }
    : { ok: false, what: `not connected for ${Math.round(age / 1000)} s` };
}
