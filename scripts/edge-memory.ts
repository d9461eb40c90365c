// Measures the resident memory of a real edge, idle and after tool calls through the mesh, beside a bare Node process of the
// same version in the same run. Exit code 1 when the edge takes more than LIMIT times the bare process.
// Usage: node scripts/edge-memory.ts [calls]
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { createClient, type Interceptor } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { FsService } from '../gen/bowline/capability/fs/v1/fs_pb.ts';
import { Program } from '../test/support/program.ts';
import { Stack } from '../test/support/stack.ts';

const LIMIT = 1.9;
const PARALLEL = 4;
const FILES = 20;
/** Before each look, so that what is only waiting to be collected is told apart from what stays. */
const IDLE_MS = 5_000;

const calls = Number(process.argv[2] ?? 2_000);
const files = Array.from({ length: FILES }, (_, i) => [
  `note-${i}.md`,
  `# Note ${i}\n\n${`line of note ${i}\n`.repeat(80)}`,
]);
const stack = await Stack.create(Object.fromEntries(files));
try {
  const bare = new Program('bare node', [process.execPath, '-e', 'setInterval(() => {}, 1e9)'], {
    cwd: stack.dir,
    env: {},
  });
  await stack.control();
  const edge = await stack.edge();
  await wait(IDLE_MS);
  const idle = resident(edge);
  const started = performance.now();
  await call();
  const seconds = (performance.now() - started) / 1000;
  const after = resident(edge);
  await wait(IDLE_MS);
  const rested = resident(edge);
  const reference = resident(bare);
  await bare.kill();
  const ratio = Math.max(after, rested) / reference;
  const row = (what: string, mb: number) =>
    `${what.padEnd(34)} ${mb.toFixed(1).padStart(6)} MB  ${(mb / reference).toFixed(2)}x\n`;
  process.stdout.write(row('bare Node, no flags', reference));
  process.stdout.write(row(`edge, idle ${IDLE_MS / 1000} s`, idle));
  process.stdout.write(row(`edge, after ${calls} tool calls`, after));
  process.stdout.write(row(`edge, ${IDLE_MS / 1000} s later`, rested));
  process.stdout.write(
    `peak of the edge ${field(edge, 'VmHWM').toFixed(1)} MB; ${(calls / seconds).toFixed(0)} calls a second\n`,
  );
  process.stdout.write(`ratio ${ratio.toFixed(2)}, at most ${LIMIT}: ${ratio <= LIMIT ? 'ok' : 'TOO MUCH'}\n`);
  process.exitCode = ratio <= LIMIT ? 0 : 1;
} finally {
  await stack.close();
}

/** Reads and looks at files in turn, a few calls at a time, as any client of the mesh would. */
async function call(): Promise<void> {
  const authorize: Interceptor = (next) => (request) => {
    request.header.set('authorization', `Bearer ${stack.ownerKey}`);
    return next(request);
  };
  const fs = createClient(FsService, createGrpcTransport({ baseUrl: stack.url, interceptors: [authorize] }));
  let next = 0;
  const caller = async () => {
    while (next < calls) {
      const n = next++;
      const path = `docs/note-${n % FILES}.md`;
      if (n % 2 === 0) await fs.read({ path });
      else await fs.stat({ path });
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, caller));
}

/** VmRSS in MB. */
function resident(program: Program): number {
  return field(program, 'VmRSS');
}

function field(program: Program, name: string): number {
  const status = readFileSync(`/proc/${program.pid}/status`, 'utf8');
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? Number.NaN) / 1024;
}
