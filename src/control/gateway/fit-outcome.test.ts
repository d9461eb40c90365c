import { create, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { OutcomeSchema, RunState, WithheldReason } from '../../../gen/bowline/run/v1/run_pb.ts';
import { fitOutcome } from './fit-outcome.ts';

const FRAME = 64 << 10;
const outcome = (answer: string, withheld = 0) =>
  create(OutcomeSchema, {
    state: RunState.ANSWERED,
    answer,
    withheld: Array.from({ length: withheld }, (_, i) => ({
      field: 'text',
      why: WithheldReason.NO_GRANT,
      name: `docs/${i}`,
    })),
  });

test('an outcome that fits is told as it is', () => {
  const small = outcome('short', 100);
  expect(fitOutcome(small, FRAME)).toBe(small);
});

test('where its lists are too long the answer stays whole', () => {
  const fitted = fitOutcome(outcome('the answer', 5_000), FRAME);
  expect([fitted.answer, fitted.withheld.length, fitted.failure]).toEqual(['the answer', 0, undefined]);
});

test('an answer that no frame holds is cut at a character, says so, and fits', () => {
  const text = '长'.repeat(100_000);
  const fitted = fitOutcome(outcome(text), FRAME);
  expect(toBinary(OutcomeSchema, fitted).length).toBeLessThan(FRAME);
  expect(fitted.answer.length).toBeGreaterThan(10_000);
  expect(text.startsWith(fitted.answer)).toBe(true);
  expect(fitted.failure?.reason).toBe('LIMIT_EXCEEDED');
});
