// Measures the resident memory of a real edge, idle and after tool calls through the mesh, beside a bare Node process of the
// same version at the same time.
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { createClient, type Interceptor } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { FsService } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { Program } from './program.ts';
import { Stack } from './stack.ts';

const PARALLEL = 4;
const FILES = 20;

/** In MB. */
export interface EdgeMemory {
  /** A Node process without flags that does nothing. */
  readonly bare: number;
  readonly idle: number;
  /** Right after the calls, and when it has rested. */
  readonly after: number;
  readonly rested: number;
  readonly peak: number;
  readonly callsPerSecond: number;
}

/** @param idleMs before each look, so that what is only waiting to be collected is told apart from what stays */
export async function measureEdgeMemory({ calls, idleMs }: { calls: number; idleMs: number }): Promise<EdgeMemory> {
  const files = Array.from({ length: FILES }, (_, i) => [
    `note-${i}.md`,
    `# Note ${i}\n\n${`line of note ${i}\n`.repeat(80)}`,
  ]);
  const stack = await Stack.create(Object.fromEntries(files));
  try {
    const still = [process.execPath, '-e', 'setInterval(() => {}, 1e9)'];
    const program = new Program('bare node', still, { cwd: stack.dir, env: {} });
    await stack.control();
    const edge = await stack.edge();
    await wait(idleMs);
    const idle = megabytes(edge, 'VmRSS');
    const started = performance.now();
    await call(stack, calls);
    const callsPerSecond = (calls / (performance.now() - started)) * 1000;
    const after = megabytes(edge, 'VmRSS');
    await wait(idleMs);
    const [rested, peak] = [megabytes(edge, 'VmRSS'), megabytes(edge, 'VmHWM')];
    const bare = megabytes(program, 'VmRSS');
    await program.kill();
    return { bare, idle, after, rested, peak, callsPerSecond };
  } finally {
    await stack.close();
  }
}

/** Reads and looks at files in turn, a few calls at a time, as any client of the mesh would. */
async function call(stack: Stack, calls: number): Promise<void> {
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

function megabytes(program: Program, name: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${program.pid}/status`, 'utf8');
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? Number.NaN) / 1024;
}
