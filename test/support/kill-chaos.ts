// Kills the programs of a stack at moments that a seed decides, while asks and tool calls are under way, and keeps what was
// promised to whoever asked: what was accepted, what it came to, and which effect happened how often.
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { Code, ConnectError, createClient, type Interceptor } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { FsService, WriteMode } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { ShellService } from '../../gen/bowline/capability/shell/v1/shell_pb.ts';
import { RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { type Ended, LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import { ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { newId } from '../../src/base/ids.ts';
import type { Program } from './program.ts';
import { seeded } from './seeded.ts';
import { SlowModel } from './slow-model.ts';
import { Stack } from './stack.ts';

export const VICTIMS = ['edge', 'worker', 'control'] as const;
export type Victim = (typeof VICTIMS)[number];

/** Short, so that a kill is noticed and made good within seconds. */
const ENV = {
  BOWLINE_HEARTBEAT_MS: '1000',
  BOWLINE_WORKER_GRACE_MS: '700',
  BOWLINE_RECOVER_AFTER_MS: '700',
  BOWLINE_SCAN_MS: '500',
};
const PATIENCE_MS = 60_000;
const AGAIN_MS = 150;

export interface ChaosAsk {
  readonly text: string;
  /** The line that its tool call adds, if it asks for one. */
  readonly line: string | undefined;
  /** Every run that was ever named as accepted for it. */
  readonly runs: Set<string>;
  ended: Ended | undefined;
}

export interface ChaosCall {
  readonly line: string;
  /** What it came to, asked twice: `done`, or the reason of a failure that stays. */
  readonly outcomes: string[];
  tries: number;
}

export class KillChaos {
  readonly stack: Stack;
  readonly asks: ChaosAsk[] = [];
  readonly calls: ChaosCall[] = [];
  readonly #model: SlowModel;
  readonly #programs = new Map<Victim, Program>();

  private constructor(stack: Stack, model: SlowModel) {
    this.stack = stack;
    this.#model = model;
  }

  static async start(): Promise<KillChaos> {
    const stack = await Stack.create({ 'notes.md': '# Notes\n', 'log.txt': '' });
    const model = new SlowModel();
    await model.listen();
    const chaos = new KillChaos(stack, model);
    Object.assign(stack.env, ENV);
    stack.write('home/models.yaml', model.config, 0o600);
    stack.write(
      'home/config.yaml',
      `allow:
  write:
    - path: ${stack.docs}/log.txt
      confirm: never
  execute:
    - argv: ${JSON.stringify(chaos.#command)}
      confirm: never
      isolation: none
      stdin: true
      output: share
`,
    );
    stack.write('ran.txt', '');
    for (const victim of ['control', 'worker', 'edge'] as const) await chaos.#begin(victim);
    return chaos;
  }

  async close(): Promise<void> {
    await this.stack.close();
    await this.#model.close();
  }

  /** Asks and calls, kills one program at a random moment, starts it again, and waits until all came to an end. */
  async round(seed: number, victim: Victim): Promise<string> {
    const random = seeded(seed);
    const work = [this.#ask(false), this.#ask(true), this.#ask(true), this.#write(), this.#run()];
    const afterMs = Math.floor(random() * 1_500);
    await wait(afterMs);
    await this.#programs.get(victim)?.kill();
    await wait(Math.floor(random() * 200));
    await this.#begin(victim);
    await Promise.all(work);
    return `killed the ${victim} after ${afterMs} ms`;
  }

  /** The lines of a file, each with how often it stands there. */
  lines(name: string): Map<string, number> {
    const counts = new Map<string, number>();
    for (const line of this.stack.read(name).split('\n').filter(Boolean)) counts.set(line, (counts.get(line) ?? 0) + 1);
    return counts;
  }

  /** What the control plane says of a run. */
  async recorded(run: string) {
    const { run: told } = await this.#onControl((transport) => createClient(RunService, transport).getRun({ id: run }));
    return told;
  }

  /** Texts of the runs that the control plane knows, newest first. */
  async texts(): Promise<string[]> {
    const texts: string[] = [];
    let pageToken = '';
    do {
      const page = await this.#onControl((transport) =>
        createClient(RunService, transport).listRuns({ pageSize: 100, pageToken }),
      );
      texts.push(...page.runs.map(({ text }) => text));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    return texts;
  }

  get #command(): string[] {
    return ['sh', '-c', `sleep 0.3; cat >> ${this.stack.dir}/ran.txt; sleep 0.5`];
  }

  async #begin(victim: Victim): Promise<void> {
    this.#programs.set(victim, await this.stack[victim]());
  }

  /** Asks with one request id until the end is told, however often the edge goes away. */
  async #ask(withTool: boolean): Promise<void> {
    const name = `ask-${this.asks.length}`;
    const line = withTool ? name : undefined;
    const tool = JSON.stringify({ path: 'docs/log.txt', text: `${name}\n`, mode: 'WRITE_MODE_APPEND' });
    const text = withTool ? `${name}: tool fs_write ${tool}` : `${name}: talk`;
    const ask: ChaosAsk = { text, line, runs: new Set(), ended: undefined };
    this.asks.push(ask);
    const requestId = newId();
    await this.#again(name, async () => {
      await this.#onEdge(async (transport) => {
        for await (const { event } of createClient(LocalService, transport).ask({ text, requestId })) {
          if (event?.event.case === 'accepted') ask.runs.add(event.event.value.run);
          if (event?.event.case === 'ended') ask.ended = event.event.value;
        }
      });
      return ask.ended !== undefined;
    });
  }

  #write(): Promise<void> {
    return this.#call('write', (transport, line, headers) =>
      createClient(FsService, transport).write(
        { path: 'docs/log.txt', text: `${line}\n`, mode: WriteMode.APPEND },
        { headers },
      ),
    );
  }

  #run(): Promise<void> {
    return this.#call('run', async (transport, line, headers) => {
      const request = { argv: this.#command, stdin: `${line}\n` };
      let exit: number | undefined;
      for await (const { event } of createClient(ShellService, transport).run(request, { headers })) {
        if (event.case === 'exit') exit = event.value.code;
      }
      if (exit !== 0) throw new Error(`the command ended with ${exit}`);
    });
  }

  /** Calls with one idempotency key until the answer is one that stays, and once more. */
  async #call(
    kind: string,
    call: (transport: Transport, line: string, headers: Record<string, string>) => Promise<unknown>,
  ): Promise<void> {
    const line = `${kind}-${this.calls.length}`;
    const record: ChaosCall = { line, outcomes: [], tries: 0 };
    this.calls.push(record);
    const headers = { 'bowline-idempotency-key': line };
    for (let round = 0; round < 2; round++) {
      await this.#again(line, async () => {
        record.tries += 1;
        try {
          await this.#onControl((transport) => call(transport, line, headers));
          record.outcomes.push('done');
        } catch (error) {
          const reason = ConnectError.from(error).findDetails(ErrorInfoSchema)[0]?.reason;
          if (reason === undefined || PASSING.has(reason)) return false;
          record.outcomes.push(reason);
        }
        return true;
      });
    }
  }

  /** Tries again until it says so; an error is one more reason to. */
  async #again(what: string, attempt: () => Promise<boolean>): Promise<void> {
    const end = performance.now() + PATIENCE_MS;
    let last: unknown;
    while (performance.now() < end) {
      try {
        if (await attempt()) return;
      } catch (error) {
        last = error;
        const { code } = ConnectError.from(error);
        if (!PASSING_CODES.has(code)) throw new Error(`${what} was refused for good`, { cause: error });
      }
      await wait(AGAIN_MS);
    }
    throw new Error(`${what} came to no end`, { cause: last });
  }

  #onEdge<T>(act: (transport: Transport) => Promise<T>): Promise<T> {
    const socket = `${this.stack.home}/edge.sock`;
    return this.#on(
      'http://localhost',
      new Http2SessionManager('http://localhost', {}, { createConnection: () => connect(socket) }),
      act,
    );
  }

  #onControl<T>(act: (transport: Transport) => Promise<T>): Promise<T> {
    return this.#on(this.stack.url, new Http2SessionManager(this.stack.url), act);
  }

  async #on<T>(
    baseUrl: string,
    sessionManager: Http2SessionManager,
    act: (transport: Transport) => Promise<T>,
  ): Promise<T> {
    const authorize: Interceptor = (next) => (request) => {
      request.header.set('authorization', `Bearer ${this.stack.ownerKey}`);
      return next(request);
    };
    try {
      return await act(createGrpcTransport({ baseUrl, sessionManager, interceptors: [authorize] }));
    } finally {
      sessionManager.abort();
    }
  }
}

type Transport = ReturnType<typeof createGrpcTransport>;

/** Answers after which a repeat may get another one. */
const PASSING = new Set([
  'DEVICE_OFFLINE',
  'CONTROL_UNREACHABLE',
  'STORE_UNAVAILABLE',
  'STORE_NOT_READ',
  'EDGE_BUSY',
  'EDGE_STOPPING',
]);
const PASSING_CODES = new Set([Code.Unavailable, Code.Canceled, Code.Aborted, Code.Internal, Code.Unknown]);
