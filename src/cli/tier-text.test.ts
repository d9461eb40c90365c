import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { EscalationReason, EscalationSchema } from '../../gen/bowline/run/v1/run_pb.ts';
import { AppError } from '../base/errors.ts';
import { toFailure } from '../contract/errors.ts';
import { escalationText } from './tier-text.ts';

const up = { fromTier: 'small', toTier: 'large', costMicros: 1200n, mostMicros: 10_000n };
test.each([
  [
    { ...up, reason: EscalationReason.CONFIDENCE, confidence: 0.416, below: 0.6 },
    'asked again at tier large: small was not sure enough (0.42, wanted 0.60); it cost 0.0012, of at most 0.01',
  ],
  [
    { ...up, reason: EscalationReason.OWNER, mostMicros: 0n },
    'asked again at tier large: you wanted a better answer than that of small; it cost 0.0012',
  ],
  [
    { ...up, reason: EscalationReason.TIMEOUT, failure: toFailure(new AppError('PRICE_ROSE', { worker: 'w' })) },
    'asked again at tier large: small took too long; no better answer came: the prices of the worker w rose after room was made in the budgets; ask again',
  ],
])('what went up is one line', (init, text) => {
  expect(escalationText(create(EscalationSchema, init))).toBe(text);
});
