// The verb `health`: one look at one program, for container runtimes: a control plane over grpc.health.v1, a worker by the file
// that it touches while its sessions stand. It needs no key.
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { Connection, LocalService } from '../../../gen/bowline/local/v1/local_pb.ts';
import { controlAddress } from '../../base/control-address.ts';
import { isStarting, notRunning } from '../../base/is-starting.ts';
import { EXIT } from '../../base/status-codes.ts';
import { readWorkerNotes } from '../../base/worker-notes.ts';
import { firstStop } from '../../contract/condition.ts';
import { toAppError } from '../../contract/errors.ts';
import { type GlobalOptions, homeOf, localSide, using } from '../client.ts';
import { rolesOf } from '../home-health.ts';
import type { CliIo } from '../io.ts';
import { isReady, type Verdict } from '../is-ready.ts';
import { Printer } from '../output.ts';
import { parseDuration } from '../units.ts';

interface HealthOptions extends GlobalOptions {
  file?: string;
  maxAge: number;
  timeout: number;
  json?: boolean;
}

export function healthVerb(io: CliIo): Command {
  return new Command('health')
    .description(
      'Tell whether what this home runs is well: a control plane ready, an edge or a worker connected; exit code 0 when it is, 6 when not',
    )
    .option('--file <path>', 'look at this file, which `worker --health-file` touches while it is connected')
    .addOption(
      new Option('--max-age <time>', 'how old that file may be').argParser(parseDuration).default(15_000, '15s'),
    )
    .addOption(new Option('--timeout <time>', 'most time for an answer').argParser(parseDuration).default(4_000, '4s'))
    .option('--json', 'print one JSON object')
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
  const { ok, what } = await verdict(io, options);
  if (options.json) new Printer(io.stdout, io.env).json({ ok, what });
  else new Printer(ok ? io.stdout : io.stderr, io.env).line(what);
  if (!ok) io.exit(EXIT.failed);
}

/** Of what is named; else of what this home is meant to run. */
async function verdict(io: CliIo, options: HealthOptions): Promise<Verdict> {
  if (options.file !== undefined) return worker(io, options.file, options.maxAge);
  const paths = homeOf(io, options);
  const roles = rolesOf(paths);
  if (options.control !== undefined || roles.length === 0) return control(io, options);
  const verdicts: Verdict[] = [];
  if (roles.includes('control')) verdicts.push(await control(io, options));
  if (roles.includes('edge')) verdicts.push(await edge(io, options));
  if (roles.includes('worker')) {
    const notes = readWorkerNotes(paths.workers);
    const ok = notes.length > 0 && notes.every(({ connected }) => connected);
    verdicts.push({ ok, what: notes.length === 0 ? 'no worker runs' : `the worker is ${ok ? '' : 'not '}connected` });
  }
  return { ok: verdicts.every(({ ok }) => ok), what: verdicts.map(({ what }) => what).join('; ') };
}

async function edge(io: CliIo, options: HealthOptions): Promise<Verdict> {
  try {
    const { connection, conditions } = await using(localSide(io, options), (side) =>
      side.client(LocalService).getStatus({}, { timeoutMs: options.timeout }),
    );
    const stop = firstStop(conditions);
    const ok = connection === Connection.CONNECTED && !stop;
    return {
      ok,
      what: ok ? 'the edge is connected' : `the edge is not well: ${stop?.message ?? 'it is not connected'}`,
    };
  } catch (error) {
    return { ok: false, what: toAppError(error).message };
  }
}

async function control(io: CliIo, options: HealthOptions): Promise<Verdict> {
  const paths = homeOf(io, options);
  const url = controlAddress({ flag: options.control, env: io.env, paths, joined: true });
  const verdict = await isReady(url, options.timeout);
  const isOwn = !options.control && !io.env.BOWLINE_CONTROL;
  return isOwn && !verdict.answered && isStarting(paths)
    ? { ok: false, what: notRunning(paths, url).message }
    : verdict;
}

function worker(io: CliIo, file: string, maxAgeMs: number): Verdict {
  const stat = statSync(resolve(io.cwd, file), { throwIfNoEntry: false });
  if (!stat) return { ok: false, what: `not connected: there is no ${file}` };
  const age = Date.now() - stat.mtimeMs;
  return age <= maxAgeMs
    ? { ok: true, what: 'connected' }
    : { ok: false, what: `not connected for ${Math.round(age / 1000)} s` };
}
