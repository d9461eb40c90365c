// What an edge tells of its work: in the ledger before it leaves, bounded, by codes and ids alone, and nothing of sensitive runs.
import { create, toJsonString } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ConnectRequestSchema } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { ToolResultSchema } from '../../../gen/bowline/record/v1/record_pb.ts';
import { OutcomeSchema } from '../../../gen/bowline/run/v1/run_pb.ts';
import {
  EdgeSpanKind,
  type EdgeTelemetry,
  EdgeTelemetrySchema,
} from '../../../gen/bowline/telemetry/v1/telemetry_pb.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { AppError } from '../../base/errors.ts';
import { silentLogger } from '../../base/logger.ts';
import { toFailure } from '../../contract/errors.ts';
import { gateFrame } from '../egress/frame-gate.ts';
import { TelemetryBook } from './edge-telemetry.ts';

const RUN = '0197a6c0-0000-7000-8000-000000000001';
/** Its version says that it stays on the box. */
const SENSITIVE = '0197a6c0-0000-8000-8000-000000000001';
const CANARY = '水獭-canary';
const failure = toFailure(new AppError('NOT_FOUND', { kind: CANARY }));

function start() {
  const clock = new ManualClock();
  const order: string[] = [];
  const told: EdgeTelemetry[] = [];
  const book = new TelemetryBook({
    clock,
    now: () => 1_000,
    leaves: async ([line]) => void order.push(`ledger ${line?.field} ${Number(line?.bytes) > 0}`),
  });
  const send = async (each: EdgeTelemetry) => {
    order.push('sent');
    told.push(each);
  };
  const advance = async () => {
    clock.advance(2_000);
    await new Promise(setImmediate);
  };
  return { book, send, told, order, advance };
}

test('spans, counts and codes are told, each sending after its line in the ledger; words are not', async () => {
  const { book, send, told, order, advance } = start();
  const end = book.begin(send);
  book.asked(RUN, 500, create(OutcomeSchema, { failure }));
  const answered = book.called({ run: RUN });
  answered(
    create(ToolResultSchema, { job: `${RUN}/1/0`, epoch: 2n, answer: { case: 'neverStarted', value: failure } }),
  );
  const log = book.listeningTo(silentLogger).child({ path: CANARY });
  log.warn(CANARY, { reason: 'SESSION_LOST', path: CANARY });
  log.warn(CANARY, { reason: 'SESSION_LOST' });
  log.warn(CANARY, { reason: CANARY });
  log.error(CANARY, new Error(CANARY));
  await advance();
  expect(order).toEqual(['ledger telemetry true', 'sent']);
  const [first] = told;
  expect(first?.spans.map(({ kind, run, job, reason }) => [kind, run, job, reason])).toEqual([
    [EdgeSpanKind.ASK, RUN, '', 'NOT_FOUND'],
    [EdgeSpanKind.TOOL_CALL, RUN, `${RUN}/1/0`, 'NOT_FOUND'],
  ]);
  expect(first?.logs.map(({ reason, count }) => [reason, count])).toEqual([
    ['SESSION_LOST', 2],
    ['INTERNAL', 1],
  ]);
  expect(toJsonString(EdgeTelemetrySchema, first!)).not.toContain(CANARY);
  await advance();
  expect(told, 'nothing is told twice').toHaveLength(1);
  end();
  book.asked(RUN, 500, create(OutcomeSchema));
  await advance();
  expect(told, 'nor without a session that wants it').toHaveLength(1);
});

test('nothing of a sensitive run is told', async () => {
  const { book, send, told, advance } = start();
  book.begin(send);
  book.asked(SENSITIVE, 500, create(OutcomeSchema));
  book.called({ run: SENSITIVE })(create(ToolResultSchema, { job: `${SENSITIVE}/1/0` }));
  book.listeningTo(silentLogger).warn('x', { reason: 'NOT_FOUND', run: SENSITIVE });
  await advance();
  expect(told).toEqual([]);
});

test('what has no room is counted', async () => {
  const { book, send, told, advance } = start();
  for (let n = 0; n < 300; n++) book.asked(RUN, n, create(OutcomeSchema));
  book.begin(send);
  await advance();
  expect([told[0]?.spans.length, told[0]?.dropped]).toEqual([256, 44]);
});

test('the gate lets ids and codes of the table through, and nothing in their place', () => {
  const span = { kind: EdgeSpanKind.ASK, run: RUN, reason: CANARY };
  const frame = create(ConnectRequestSchema, {
    frame: { case: 'telemetry', value: { spans: [span, { ...span, run: CANARY.repeat(9) }] } },
  });
  const passed = gateFrame(ConnectRequestSchema, frame, { payload: () => false, ask: () => false }) as typeof frame;
  expect(passed.frame).toMatchObject({
    value: {
      spans: [
        { run: RUN, reason: 'INTERNAL' },
        { run: '', reason: 'INTERNAL' },
      ],
    },
  });
});
