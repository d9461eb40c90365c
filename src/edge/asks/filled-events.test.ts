import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import {
  EndedSchema,
  type RunEvent as LocalRunEvent,
  RunEventSchema as LocalRunEventSchema,
} from '../../../gen/bowline/local/v1/local_pb.ts';
import { TextChunkSchema } from '../../../gen/bowline/run/v1/run_pb.ts';
import { LatestText } from '../../contract/text/latest-text.ts';
import { filledEvents } from './filled-events.ts';

const MARK = '[[fact-K7Q2]]';
const FACT = '3 个文件 🪢';

const text = (piece: string, offset: number, epoch = 1) =>
  create(LocalRunEventSchema, {
    event: {
      case: 'text',
      value: create(TextChunkSchema, { job: 'r/0/0', epoch: BigInt(epoch), offset: BigInt(offset), text: piece }),
    },
  });
const ended = (answer: string) =>
  create(LocalRunEventSchema, {
    event: { case: 'ended', value: create(EndedSchema, { run: 'r', conversation: 'c', outcome: { answer } }) },
  });

/** What a client that puts pieces together by their offsets shows, and the answer at the end. */
async function shown(events: readonly LocalRunEvent[]) {
  const asked: string[] = [];
  const lookUp = (conversation: string) => async (marks: readonly string[]) => {
    asked.push(conversation);
    return new Map(marks.includes(MARK) ? [[MARK, FACT]] : []);
  };
  const latest = new LatestText();
  let answer: string | undefined;
  const source = (async function* () {
    yield* events;
  })();
  for await (const { event } of filledEvents(source, lookUp)) {
    if (event.case === 'text') expect(['added', 'old']).toContain(latest.receive(event.value));
    if (event.case === 'ended') answer = event.value.outcome?.answer;
  }
  return { text: latest.held?.from(0), answer, asked };
}

test('a mark that comes cut is shown as its fact, and offsets are those of what is shown', async () => {
  const pieces = ['日本 [', '[fact-K', '7Q2]', '] and [', 'x]'];
  let offset = 0;
  const events = pieces.map((piece) => {
    const event = text(piece, offset);
    offset += Buffer.byteLength(piece);
    return event;
  });
  const whole = `日本 ${FACT} and [x]`;
  expect(await shown([...events, ended(pieces.join(''))])).toMatchObject({ text: whole, answer: whole });
});

test('an attempt that begins again is filled from its beginning; what was held back at the end is shown', async () => {
  const events = [text('old [[fact-', 0, 1), text(`new ${MARK}`, 0, 2), text(' [[fact-K7', 17, 2), ended('new')];
  expect(await shown(events)).toMatchObject({ text: `new ${FACT} [[fact-K7`, answer: 'new' });
});

test('the conversation of the run is asked where it is known, and what nobody knows is said in words', async () => {
  const { answer, asked } = await shown([ended('See [[fact-ZZZZ]].')]);
  expect([answer, asked]).toEqual(['See (known on the box only).', ['c']]);
});

test('marks that repeat in a stream do not multiply a long fact, in pieces or in the answer', async () => {
  const long = 'x'.repeat(16_384);
  const piece = `${MARK} `;
  const source = (async function* () {
    for (let i = 0; i < 2_000; i++) yield text(piece, i * piece.length);
    yield ended(piece.repeat(2_000));
  })();
  let streamed = '';
  let answer = '';
  for await (const { event } of filledEvents(source, () => async () => new Map([[MARK, long]]))) {
    if (event.case === 'text') streamed += event.value.text;
    if (event.case === 'ended') answer = event.value.outcome?.answer ?? '';
  }
  expect(streamed).toBe(answer);
  expect(answer.length).toBeLessThan(60_000);
});
