// A real edge whose resident memory is looked at, with a bench process in place of the control plane.
import { setTimeout as wait } from 'node:timers/promises';
import type { Program } from '../../../test/support/program.ts';
import { residentMb } from '../../../test/support/resident-memory.ts';
import { Stack } from '../../../test/support/stack.ts';
import type { ReadArgs } from '../agents/edge-host.ts';
import { AgentProcess } from './agent-process.ts';
import { bareResident } from './bare-start.ts';

/** As a control plane asks for by default. */
const HEARTBEAT_MS = 10_000;
const IN_FLIGHT = 4;
const FILES = Array.from({ length: 20 }, (_, i) => `note-${i}.md`);

export class MeasuredEdge {
  readonly #stack: Stack;
  readonly #host: AgentProcess;
  readonly #edge: Program;

  private constructor(stack: Stack, host: AgentProcess, edge: Program) {
    this.#stack = stack;
    this.#host = host;
    this.#edge = edge;
  }

  /** Connected, with a folder of notes that it may read. */
  static async start(): Promise<MeasuredEdge> {
    const notes = FILES.map((name, i) => [name, `# Note ${i}\n\n${`line of note ${i}\n`.repeat(80)}`]);
    const stack = await Stack.create(Object.fromEntries(notes));
    try {
      const host = await AgentProcess.start('edge-host');
      const connected = host.call('hello');
      const line = await host.call<string>('listen', { heartbeatMs: HEARTBEAT_MS });
      const edge = stack.start('edge', ['--allow', stack.docs, '--join'], `${line}\n`);
      await connected;
      await edge.ready();
      return new MeasuredEdge(stack, host, edge);
    } catch (error) {
      await stack.close();
      throw error;
    }
  }

  /** Resident megabytes now. */
  get resident(): number {
    return residentMb(this.#edge.pid);
  }

  /** Reads files and looks at them in turn, a few calls at a time. */
  async use(calls: number): Promise<void> {
    const paths = FILES.map((name) => `docs/${name}`);
    await this.#host.call('read', { paths, calls, inFlight: IN_FLIGHT } satisfies ReadArgs);
  }

  /** The owner looks at what left the box: the edge opens its index. */
  async askIndex(): Promise<void> {
    const { code, stderr } = await this.#stack.cli(['egress', 'ls']);
    if (code !== 0) throw new Error(stderr);
  }

  async close(): Promise<void> {
    await this.#stack.close();
    await this.#host.stop();
  }
}

/** Megabytes of one edge, each after a rest, so that what only waits to be collected is told apart from what stays. */
export interface EdgeLooks {
  readonly bare: number;
  readonly idle: number;
  /** The larger of right after the calls and after the rest. */
  readonly after: number;
  /** When its owner asked what left the box, which opens the index. */
  readonly indexed: number;
}

export async function edgeLooks(edge: MeasuredEdge, calls: number, restMs: number): Promise<EdgeLooks> {
  await wait(restMs);
  const [idle, bare] = [edge.resident, await bareResident()];
  await edge.use(calls);
  const busy = edge.resident;
  await wait(restMs);
  const after = Math.max(busy, edge.resident);
  await edge.askIndex();
  await wait(restMs);
  return { bare, idle, after, indexed: edge.resident };
}
