// The sandbox as tests use it: its handler over real bubblewrap in each way in which machines allow it, and a run told in short.
import { readdirSync, readFileSync } from 'node:fs';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type Exit,
  OutputStream,
  RunRequestSchema,
  type RunResponse,
} from '../../gen/bowline/capability/sandbox/v1/sandbox_pb.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { findRuntimes } from '../../src/worker/handlers/sandbox/languages.ts';
import { sandboxHandler } from '../../src/worker/handlers/sandbox/sandbox-handler.ts';
import { SANDBOX_DEFAULTS, type SandboxSettings } from '../../src/worker/handlers/sandbox/sandbox-settings.ts';
import { findBubblewrap } from '../../src/worker/isolation/find-bubblewrap.ts';
import { type Isolation, openIsolation } from '../../src/worker/isolation/open-isolation.ts';
import { ProcessTree } from '../../src/worker/isolation/process-tree.ts';
import { runIsolated } from '../../src/worker/isolation/run-isolated.ts';
import type { Handler, HandlerContext } from '../../src/worker/kit/handler.ts';
import { loneContext } from '../../src/worker/kit/lone-context.ts';

export type RunInit = Omit<MessageInitShape<typeof RunRequestSchema>, '$typeName' | '$unknown'>;

export interface RunSeen {
  readonly out: string;
  readonly err: string;
  readonly exit: Exit;
  readonly responses: readonly RunResponse[];
}

/** The handler over an isolation. */
export async function sandboxOver(isolation: Isolation, settings: Partial<SandboxSettings> = {}): Promise<Handler> {
  const runtimes = await findRuntimes(process.execPath);
  return sandboxHandler({
    isolation,
    runtimes,
    settings: { ...SANDBOX_DEFAULTS, ...settings },
    clock: systemClock,
  });
}

/** As this machine allows it at best, or without cgroups. */
export const openHere = (cgroups: boolean): Promise<Isolation> =>
  openIsolation({ clock: systemClock, log: silentLogger, cgroups });

/** As inside an ordinary container: no /proc, further user namespaces refused by the filter alone, no cgroup. */
export async function openAsInContainer(): Promise<Isolation> {
  const best = await findBubblewrap(async () => {}, false);
  const bubblewrap = { ...best, proc: false, usersOff: false };
  return {
    facts: { proc: false, cgroup: undefined, whyNoCgroup: 'a test wants none' },
    run: (spec, stop) => runIsolated(bubblewrap, new ProcessTree(spec.limits.memoryBytes), spec, stop, systemClock),
  };
}

/** Runs to the end. */
export async function runProgram(
  handler: Handler,
  request: RunInit,
  context: Partial<HandlerContext> = {},
): Promise<RunSeen> {
  const run = handler.methods.Run as (request: unknown, context: HandlerContext) => AsyncIterable<RunResponse>;
  const responses: RunResponse[] = [];
  const said = { [OutputStream.STDOUT]: [] as Uint8Array[], [OutputStream.STDERR]: [] as Uint8Array[] };
  let exit: Exit | undefined;
  for await (const response of run(create(RunRequestSchema, request), loneContext(context))) {
    responses.push(response);
    const { event } = response;
    if (event.case === 'exit') exit = event.value;
    else if (event.case === 'output') said[event.value.stream as 1 | 2].push(event.value.data);
  }
  if (!exit) throw new Error('the run ended without telling how');
  const text = (stream: 1 | 2) => Buffer.concat(said[stream]).toString();
  return { out: text(OutputStream.STDOUT), err: text(OutputStream.STDERR), exit, responses };
}

/** Command lines of processes of this machine, beside this one, that hold a mark. */
export function aliveWith(mark: string): string[] {
  const lines = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      } catch {
        return '';
      }
    });
  return lines.filter((line) => line.includes(mark));
}
