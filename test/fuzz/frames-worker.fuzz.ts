// A worker between a hostile control plane and hostile handlers: every field of every frame, both ways. Whatever comes or is to
// be sent, the job beside it is done on the same session, unless the frame itself ends a session by contract.
import { create, toBinary } from '@bufbuild/protobuf';
import { EmbedService } from '../../gen/bowline/capability/embed/v1/embed_pb.ts';
import {
  type ChatRequest,
  ChatRequestSchema,
  ChatResponseSchema,
  Role,
} from '../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { UsageSchema } from '../../gen/bowline/run/v1/run_pb.ts';
import { ChildResultSchema, WorkResponseSchema } from '../../gen/bowline/worker/v1/worker_pb.ts';
import { AppError } from '../../src/base/errors.ts';
import type { HandlerContext } from '../../src/worker/kit/handler.ts';
import type { ScriptedSession } from '../support/scripted-control.ts';
import { CHAT, finish, piece, start, stopAll } from '../support/worker-loop.ts';
import { type Fuzz, type Random, randomOf } from './fuzz.ts';
import { casesOf, hostileMessage } from './hostile-message.ts';

/** Frames that end a session by contract: another is made at once. */
const ENDING = new Set(['welcome', 'drain']);
const MOST_MEMORY = 200 << 20;

export const framesWorkerFuzz: Fuzz = {
  name: 'frames-worker',
  open: async () => {
    const { control } = await start(answer, { slots: 8, limits: { defaultDeadlineMs: 2_000 } });
    let session = (await control.session()).welcome();
    let jobs = 0;
    const before = process.memoryUsage().rss;
    /** A job that has nothing to do with what is attacked. */
    const innocent = async (on: ScriptedSession): Promise<void> => {
      const dispatchId = `innocent-${jobs++}`;
      on.assign({ dispatchId, method: CHAT, params: asking('innocent') });
      const { result } = await on.result(dispatchId);
      on.committed(dispatchId);
      if (result.case !== 'done') throw new Error(`an innocent job ended as ${result.case}`);
    };
    return {
      round: async (random) => {
        if (random.chance(0.5)) await poisonJob(session, `poison-${jobs++}`, random);
        else {
          const dispatchId = `known-${jobs++}`;
          const kind = random.pick(casesOf(WorkResponseSchema));
          const known = { dispatchId, method: CHAT, params: asking('innocent'), epoch: 1n };
          const { frame } = hostileMessage(WorkResponseSchema, random, { known }, kind);
          session.send(frame);
          if (ENDING.has(kind)) session = (await control.session()).welcome();
          else session.committed(dispatchId);
        }
        await innocent(session);
        if (session.ended) throw new Error('the session ended');
        // What a hostile control plane handed out it takes back.
        for (const { dispatchId } of session.all('result')) session.committed(dispatchId);
      },
      close: async () => {
        await stopAll();
        const grown = process.memoryUsage().rss - before;
        if (grown > MOST_MEMORY) throw new Error(`${Math.round(grown / 1e6)} MB more than before`);
      },
    };
  },
};

async function poisonJob(session: ScriptedSession, dispatchId: string, random: Random): Promise<void> {
  session.assign({ dispatchId, method: CHAT, params: asking(`poison ${random.int(2 ** 31)}`) });
  const call = session
    .until(() => session.all('childCall').find((each) => each.dispatchId === dispatchId))
    .then(
      ({ number }) => {
        const result = Object.assign(hostileMessage(ChildResultSchema, random), { dispatchId, epoch: 1n, number });
        session.send({ case: 'childResult', value: result });
      },
      () => {},
    );
  await session.result(dispatchId);
  session.committed(dispatchId);
  void call;
}

const asking = (value: string): Uint8Array =>
  toBinary(
    ChatRequestSchema,
    create(ChatRequestSchema, { messages: [{ role: Role.USER, parts: [{ part: { case: 'text', value } }] }] }),
  );

/** A handler that says what the seed in its request makes of it. */
async function* answer(request: ChatRequest, context: HandlerContext) {
  const part = request.messages[0]?.parts[0]?.part;
  const [kind, seed] = part?.case === 'text' ? part.value.split(' ') : [];
  if (kind !== 'poison') {
    yield piece('well');
    yield finish();
    return;
  }
  const random = randomOf(Number(seed));
  const bad = { unencodable: true };
  if (random.chance(0.5)) context.report(hostileMessage(UsageSchema, random, bad));
  if (random.chance(0.3)) context.progress(random.pick([Number.NaN, -1, 1e300]), 2 ** 70, '\ud800'.repeat(400));
  if (random.chance(0.3)) await context.call(EmbedService.method.embed, { texts: ['a'] }).catch(() => {});
  for (let n = random.int(4); n >= 0; n--) yield hostileMessage(ChatResponseSchema, random, bad);
  if (random.chance(0.2)) {
    const much = { what: '\ud800'.repeat(9_000), [String.fromCharCode(0).repeat(300)]: 'x' };
    throw new AppError(
      { reason: 'not a reason', code: 'internal', retryable: false, message: 'x'.repeat(9_000) },
      much,
    );
  }
}
