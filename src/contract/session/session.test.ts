// The kit as a whole on a simulated clock and link: two peers, one of which shows a growing text to the other by offset.
import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type FrameHeader, type Ping, PingSchema } from '../../../gen/bowline/common/v1/common_pb.ts';
import { StallingClock } from '../../../test/support/stalling-clock.ts';
import { AttemptText, LatestText, type SentPiece, type TextPosition } from '../text/latest-text.ts';
import { answerFrame, type CommonAnswer } from './answer-frame.ts';
import { FrameCounter } from './frames.ts';
import { Heartbeat } from './heartbeat.ts';
import { Reconnect } from './reconnect.ts';
import { SendQueue } from './send-queue.ts';

type Body =
  | CommonAnswer
  | { readonly case: 'ping'; readonly value: Ping }
  | { readonly case: 'follow'; readonly value: TextPosition }
  | { readonly case: 'text'; readonly value: SentPiece };

interface Frame {
  header?: FrameHeader | undefined;
  readonly body: Body;
}

/** What happens to the frames of one session, both ways. */
class Link {
  /** Frames are taken from their sender and never arrive. */
  hole = false;
  /** The next frame does not arrive. */
  lose = false;
  /** The next frame arrives after the one that follows it. */
  swap = false;
  cut = false;
  delayMs = 1;

  async carry(clock: StallingClock, frames: AsyncIterable<Frame>, arrive: (frame: Frame) => void): Promise<void> {
    let held: Frame | undefined;
    const underWay: Frame[] = [];
    for await (const frame of frames) {
      if (this.hole) continue;
      if (this.lose) {
        this.lose = false;
        continue;
      }
      if (this.swap && !held) {
        held = frame;
        continue;
      }
      const bundle = held ? [frame, held] : [frame];
      if (held) this.swap = false;
      held = undefined;
      underWay.push(...bundle);
      // In the order in which they were sent, whatever their delays are.
      clock.after(this.delayMs, () => {
        for (const each of underWay.splice(0, bundle.length)) if (!this.cut) arrive(each);
      });
    }
  }
}

interface Peer {
  readonly out: SendQueue<Body, Frame>;
  readonly receive: (frame: Frame) => void;
  readonly end: (why: string) => void;
}

const INTERVAL = 100;

function peer(
  clock: StallingClock,
  take: (body: Body, out: SendQueue<Body, Frame>) => void,
  ended: (why: string) => void,
  first?: () => Body,
): Peer {
  const counter = new FrameCounter();
  const end = (why: string) => {
    if (out.ended) return;
    heartbeat.stop();
    out.abandon();
    ended(why);
  };
  const out = new SendQueue<Body, Frame>({
    counter,
    maxFrames: 50,
    full: () => end('full'),
    make: (body) => ({ header: undefined, body }),
    ...(first && { first }),
  });
  const heartbeat = new Heartbeat({
    clock,
    intervalMs: INTERVAL,
    ping: (nonce) => out.offer({ case: 'ping', value: create(PingSchema, { nonce }) }),
    silent: () => end('silent'),
  });
  const receive = ({ header, body }: Frame) => {
    if (out.ended) return;
    heartbeat.heard();
    try {
      counter.seen(header);
    } catch {
      return end('out of order');
    }
    if (body.case === 'ping' || body.case === 'pong' || body.case === 'unimplemented') answerFrame(header, body, out);
    else take(body, out);
  };
  return { out, receive, end };
}

/** A writer that is always there, and a reader that comes again and again. */
class Simulation {
  readonly clock = new StallingClock();
  readonly written = new AttemptText('r/0/0', 1);
  readonly read = new LatestText();
  readonly ends: string[] = [];
  link = new Link();
  sessions = 0;
  #wake = () => {};
  readonly #reconnect = new Reconnect({ clock: this.clock, baseMs: 40, capMs: 400, lastedMs: 500, random: () => 0.9 });

  write(text: string): void {
    this.written.append(text);
    this.#wake();
  }

  connect(): void {
    this.sessions++;
    const { clock, written, read } = this;
    const link = new Link();
    this.link = link;
    let over = false;
    const ended = (why: string) => {
      if (over) return;
      over = true;
      link.cut = true;
      this.ends.push(why);
      server.end(why);
      client.end(why);
      clock.after(this.#reconnect.waitMs({ kind: 'lost' }), () => this.connect());
    };
    const server = peer(
      clock,
      (body, out) => {
        if (body.case !== 'follow') return;
        let at = body.value;
        this.#reconnect.welcomed();
        out.pullFrom(() => {
          const piece = written.after(at, 16);
          if (!piece) return undefined;
          const { job, epoch } = written;
          at = { job, epoch, offset: piece.offset + Buffer.byteLength(piece.text) };
          return { case: 'text', value: { job, epoch: BigInt(epoch), offset: BigInt(piece.offset), text: piece.text } };
        });
        this.#wake = () => out.wake();
      },
      ended,
    );
    const client = peer(
      clock,
      (body) => {
        // Frames that are numbered without a gap hold text without a gap.
        if (body.case === 'text') expect(read.receive(body.value)).toBe('added');
      },
      ended,
      () => ({ case: 'follow', value: read.position }),
    );
    void link.carry(clock, server.out.frames(), client.receive);
    void link.carry(clock, client.out.frames(), server.receive);
  }

  async pass(ms: number): Promise<void> {
    for (let at = 0; at < ms; at += 5) {
      this.clock.advance(5);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }
}

const FAULTS = ['lose', 'swap', 'hole'] as const;
const TEXTS = ['Der ', '秋天', 'ñandú ', '🍁'];

const steps = fc.array(
  fc.record({
    fault: fc.option(fc.constantFrom(...FAULTS), { nil: undefined, freq: 3 }),
    delayMs: fc.integer({ min: 1, max: INTERVAL - 40 }),
    stallMs: fc.oneof(
      { weight: 4, arbitrary: fc.constant(0) },
      { weight: 1, arbitrary: fc.integer({ max: 3_000, min: 50 }) },
    ),
    text: fc.constantFrom(...TEXTS),
  }),
  { minLength: 3, maxLength: 10 },
);

test('whatever the link loses, reorders, delays and swallows, and however long a process stalls: the whole text arrives, once', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (course) => {
      const it = new Simulation();
      it.connect();
      for (const { fault, delayMs, stallMs, text } of course) {
        it.write(text);
        it.link.delayMs = delayMs;
        if (fault) it.link[fault] = true;
        await it.pass(30);
        it.clock.stall(stallMs);
        await it.pass(30);
        expect(it.written.from(0).startsWith(it.read.held?.from(0) ?? '')).toBe(true);
      }
      const wholeText = it.written.from(0);
      // Two intervals until a hole is noticed, the longest wait, and the text.
      await it.pass(4 * INTERVAL + 400 + 200);
      expect(it.read.held?.from(0)).toBe(wholeText);
      for (const end of it.ends) expect(['out of order', 'silent']).toContain(end);
    }),
    { numRuns: 40 },
  );
});

test('delays within the heartbeat and stalls of the own process end no session', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (course) => {
      const it = new Simulation();
      it.connect();
      for (const { delayMs, stallMs, text } of course) {
        it.write(text);
        it.link.delayMs = delayMs;
        await it.pass(30);
        it.clock.stall(stallMs);
        await it.pass(30);
      }
      await it.pass(3 * INTERVAL);
      expect([it.ends, it.sessions]).toEqual([[], 1]);
      expect(it.read.held?.from(0)).toBe(it.written.from(0));
    }),
    { numRuns: 20 },
  );
});

test('a lost or swapped frame is noticed at the next one, before anything of it is taken', async () => {
  for (const fault of ['lose', 'swap'] as const) {
    const it = new Simulation();
    it.connect();
    it.write('a');
    await it.pass(20);
    it.link[fault] = true;
    it.write('b');
    await it.pass(10);
    it.write('c');
    await it.pass(10);
    expect(it.ends).toEqual(['out of order']);
    expect(it.read.held?.from(0)).toBe('a');
    await it.pass(200);
    expect(it.read.held?.from(0)).toBe('abc');
    expect(it.sessions).toBe(2);
  }
});
