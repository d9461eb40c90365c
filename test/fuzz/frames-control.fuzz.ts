// A control plane between hostile workers and hostile edges: every field of every frame. The process lives, the session that a frame
// did not end by contract goes on, the call that was attacked ends, and a worker and an edge beside them are served.
import { create, toBinary } from '@bufbuild/protobuf';
import { EmbedResponseSchema, EmbedService } from '../../gen/bowline/capability/embed/v1/embed_pb.ts';
import { LlmService, Role } from '../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { ConnectRequestSchema } from '../../gen/bowline/edge/v1/edge_pb.ts';
import { WorkRequestSchema } from '../../gen/bowline/worker/v1/worker_pb.ts';
import { TestControl } from '../support/control-plane.ts';
import type { EdgeStream, FakeEdge } from '../support/fake-edge.ts';
import type { WorkerStream } from '../support/fake-worker.ts';
import type { Fuzz, Random } from './fuzz.ts';
import { casesOf, hostileMessage } from './hostile-message.ts';

/** Frames after which a session may end by contract. */
const ENDING = new Set(['hello', 'goodbye', 'drain']);
const MOST_MEMORY = 400 << 20;
const PATIENCE_MS = 10_000;

export const framesControlFuzz: Fuzz = {
  name: 'frames-control',
  open: async () => {
    const control = await TestControl.start();
    const before = process.memoryUsage().rss;
    const packages = ['bowline.capability.embed.v1'];
    const innocent = await control.worker({ name: 'innocent', packages, methods: ['Embed'], slots: 8 });
    const embed = control.client(EmbedService);
    const chat = control.client(LlmService);
    const box = await control.device();
    const still = control.closing(await box.connect());
    const badBox = await control.device();
    const bad: { worker: WorkerStream | undefined; edge: EdgeStream | undefined } = {
      worker: undefined,
      edge: undefined,
    };
    let served = 0;
    let asked = 0;

    /** A call whose worker has no part in what is attacked, and the edge beside. */
    const others = async (): Promise<void> => {
      const call = embed.embed({ texts: ['x'] }, { timeoutMs: PATIENCE_MS });
      const job = await innocent.job(served++);
      innocent.result(job, [toBinary(EmbedResponseSchema, create(EmbedResponseSchema, { model: 'm' }))]);
      await call;
      await echoes(still);
    };

    return {
      round: async (random) => {
        if (random.chance(0.6)) {
          bad.worker = usable(bad.worker) ?? control.closing(await control.worker({ name: 'bad', slots: 4 }));
          await attackCall(bad.worker, chat, random);
        } else {
          bad.edge = usable(bad.edge) ?? control.closing(await badBox.connect());
          await attackAsEdge(bad.edge, badBox, random, ++asked);
        }
        await others();
      },
      close: async () => {
        await control.close();
        const grown = process.memoryUsage().rss - before;
        if (grown > MOST_MEMORY) throw new Error(`${Math.round(grown / 1e6)} MB more than before`);
      },
    };
  },
};

const usable = <S extends { isOver: boolean }>(stream: S | undefined): S | undefined =>
  stream?.isOver === false ? stream : undefined;

/** A ping is answered on the same session. */
async function echoes(stream: WorkerStream | EdgeStream): Promise<void> {
  const pongs = () => stream.frames.filter(({ frame }) => frame.case === 'pong').length;
  const before = pongs();
  stream.send({ case: 'ping', value: { nonce: 7n } } as never);
  await stream.until(() => pongs() > before, 'a pong');
}

async function attackCall(
  worker: WorkerStream,
  chat: { chat(request: object, options: object): AsyncIterable<unknown> },
  random: Random,
): Promise<void> {
  const known = worker.all('job').length;
  const messages = [{ role: Role.USER, parts: [{ part: { case: 'text', value: 'hello' } }] }];
  const stop = new AbortController();
  const call = ended(chat.chat({ messages }, { timeoutMs: PATIENCE_MS, signal: stop.signal }));
  const job = await worker.job(known);
  const { dispatchId, epoch } = job;
  const kind = random.pick(casesOf(WorkRequestSchema));
  const values = { dispatchId, epoch, index: 0n };
  for (let frames = random.int(3); frames >= 0; frames--) {
    worker.send(hostileMessage(WorkRequestSchema, random, { known: values }, kind).frame as never);
  }
  if (ENDING.has(kind)) await worker.cut();
  else {
    await echoes(worker);
    // What the frame did not end is ended as any other.
    const failure = { reason: 'INTERNAL', code: 13, retryable: false, message: 'over' };
    worker.send({ case: 'result', value: { dispatchId, epoch, result: { case: 'failure', value: failure } } });
    await worker.until(() => worker.all('resultCommitted').some((each) => each.dispatchId === dispatchId), 'the end');
    worker.credits(4);
  }
  stop.abort();
  await call;
}

async function attackAsEdge(edge: EdgeStream, box: FakeEdge, random: Random, sequence: number): Promise<void> {
  const kind = random.pick(casesOf(ConnectRequestSchema));
  const known = { journalId: box.journalId, sequence: BigInt(1_000 + sequence) };
  const { frame } = hostileMessage(ConnectRequestSchema, random, { known }, kind);
  edge.send(frame as never);
  if (ENDING.has(kind)) {
    await edge.cut();
    return;
  }
  await echoes(edge);
  if (frame.case !== 'ask') return;
  // As it arrives: a half of a character has no encoding.
  const run = frame.value.run.toWellFormed();
  await edge.until(() => edge.all('askVerdict').some((each) => each.run === run), 'an outcome of the ask');
}

/** Whether it was answered or refused does not matter, only that it ended. */
async function ended(stream: AsyncIterable<unknown>): Promise<void> {
  try {
    for await (const _ of stream);
  } catch {
    // Refused.
  }
}
