import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { FailureSchema } from '../../gen/bowline/common/v1/common_pb.ts';
import { AppError } from '../base/errors.ts';
import { toFailure } from './errors.ts';
import { failureClass } from './failure-class.ts';

const of = (error: AppError, waitMs?: number) =>
  failureClass(create(FailureSchema, { ...toFailure(error), ...(waitMs === undefined ? {} : { retryAfter: durationFromMs(waitMs) }) })); // biome-ignore format: one line
const provider = 'p';

test.each<[string, ReturnType<typeof failureClass>, object]>([
  [
    'a provider that is away',
    of(new AppError('PROVIDER_UNAVAILABLE', { provider, problem: 'x' })),
    { retry: 'now', isAway: true, blames: 'provider' },
  ],
  [
    'a provider that says when',
    of(new AppError('PROVIDER_UNAVAILABLE', { provider, problem: 'x' }), 2_000),
    { retry: 'later', waitMs: 2_000 },
  ],
  [
    'a provider that says much too late',
    of(new AppError('PROVIDER_UNAVAILABLE', { provider, problem: 'x' }), 9e9),
    { retry: 'later', waitMs: 300_000 },
  ],
  [
    'a rate',
    of(new AppError('PROVIDER_RATE_LIMITED', { provider }), 500),
    { retry: 'later', waitMs: 500, blames: 'nobody' },
  ],
  [
    'a request that is refused',
    of(new AppError('PROVIDER_REFUSED', { provider, problem: 'x' }), 500),
    { retry: 'never', waitMs: 0, blames: 'nobody' },
  ],
  ['a website that is away', of(new AppError('WEB_UNREACHABLE', { problem: 'x' })), { retry: 'now', blames: 'nobody' }],
  [
    'a reason of a newer worker',
    failureClass(create(FailureSchema, { reason: 'GPU_LOST', code: 13, retryable: true })),
    { retry: 'now', isAway: false, blames: 'holder' },
  ],
  [
    'a code that nobody knows',
    failureClass(create(FailureSchema, { reason: 'X', code: 99, retryable: true })),
    { retry: 'now', blames: 'holder' },
  ],
])('%s', (_what, found, expected) => {
  // biome-ignore format: a table
  expect(found).toMatchObject(expected);
});
