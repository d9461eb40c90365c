// A client of the owner's API of an edge, as a test reads it: what a run's text is, piece by piece, checked at each piece to
// follow the one before, and how the run ended.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { type Client, createClient } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import type { Outcome } from '../../gen/bowline/run/v1/run_pb.ts';
import { homePaths } from '../../src/base/home.ts';

/** The API of the edge of a home. */
export function localClient(home: string): { readonly client: Client<typeof LocalService>; close(): void } {
  const paths = homePaths(home);
  const key = readFileSync(paths.ownerKey, 'utf8').trim();
  const sessionManager = new Http2SessionManager(
    'http://localhost',
    {},
    { createConnection: () => connect(paths.socket) },
  );
  const transport = createGrpcTransport({
    baseUrl: 'http://localhost',
    sessionManager,
    readMaxBytes: 32 << 20,
    interceptors: [
      (next) => (request) => {
        request.header.set('authorization', `Bearer ${key}`);
        return next(request);
      },
    ],
  });
  return { client: createClient(LocalService, transport), close: () => sessionManager.abort() };
}

/** One writer's text, as far as it came. */
export interface Writing {
  readonly job: string;
  readonly epoch: number;
  text: string;
}

/** One ask that is followed to its end. */
export class LocalWatch {
  run = '';
  /** Every writer's text; one after the first is an explicit beginning anew. */
  readonly writings: Writing[] = [];
  outcome: Outcome | undefined;
  /** What was wrong with the pieces, in words; empty when they fit. */
  readonly wrong: string[] = [];
  readonly #waiting = new Set<() => void>();
  #failed: unknown;

  constructor(client: Client<typeof LocalService>, text: string) {
    this.#read(client, text).catch((error: unknown) => {
      this.#failed = error;
      this.#wake();
    });
  }

  /** The text that is shown now. */
  get text(): string {
    return this.writings.at(-1)?.text ?? '';
  }

  /** Waits until it holds, looking again at each event. Throws after `withinMs`. */
  async until(holds: () => boolean, what: string, withinMs = 60_000): Promise<void> {
    const end = performance.now() + withinMs;
    while (!holds()) {
      if (this.#failed) throw this.#failed;
      const left = end - performance.now();
      if (left <= 0) throw new Error(`waited in vain for ${what}; shown: ${JSON.stringify(this.text.slice(-200))}`);
      await new Promise<void>((resolve) => {
        const wake = () => {
          clearTimeout(timer);
          this.#waiting.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, left);
        this.#waiting.add(wake);
      });
    }
  }

  async #read(client: Client<typeof LocalService>, text: string): Promise<void> {
    for await (const { event } of client.ask({ text })) {
      const body = event?.event;
      if (body?.case === 'accepted') this.run = body.value.run;
      if (body?.case === 'text')
        this.#add(body.value.job, Number(body.value.epoch), Number(body.value.offset), body.value.text);
      if (body?.case === 'ended') this.outcome = body.value.outcome;
      this.#wake();
    }
    if (!this.outcome) throw new Error('the stream ended without the end of the run');
  }

  #add(job: string, epoch: number, offset: number, text: string): void {
    let last = this.writings.at(-1);
    if (last?.job !== job || last.epoch !== epoch) {
      if (last && last.job === job && epoch < last.epoch) this.wrong.push(`epoch ${epoch} came after ${last.epoch}`);
      last = { job, epoch, text: '' };
      this.writings.push(last);
    }
    const at = Buffer.byteLength(last.text);
    if (offset !== at) this.wrong.push(`epoch ${epoch}: at ${at} came ${offset}`);
    last.text += text;
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
