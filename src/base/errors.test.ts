// How errors are worded.
import { expect, test } from 'vitest';
import { CONTROL_ERRORS } from './error-tables/control.ts';
import { EDGE_ERRORS } from './error-tables/edge.ts';
import { EDGE_TOOL_ERRORS } from './error-tables/edge-tools.ts';
import { PAIRED_KEY_ERRORS } from './error-tables/paired-keys.ts';
import { SHARED_ERRORS } from './error-tables/shared.ts';
import { WORKER_ERRORS } from './error-tables/worker.ts';
import { AppError, ERRORS } from './errors.ts';
import { fixedLimit } from './fixed-limit.ts';

test('a limit names the setting that raises it; a fixed one says so, and what to do instead', () => {
  const over = new AppError('LIMIT_EXCEEDED', { what: 'it', limit: 3, setting: 'limits.file_bytes' });
  expect(over.message).toBe('it is over the limit of 3; raise limits.file_bytes if you need more');
  const fixed = fixedLimit('it', 3, 'send less');
  expect(fixed).toMatchObject({
    reason: 'LIMIT_EXCEEDED',
    message: 'it is over the limit of 3, which is fixed; send less',
  });
});

test('no reason stands in two areas', () => {
  const areas = [
    SHARED_ERRORS,
    CONTROL_ERRORS,
    EDGE_ERRORS,
    EDGE_TOOL_ERRORS,
    PAIRED_KEY_ERRORS,
    WORKER_ERRORS,
  ].flatMap((table) => Object.keys(table));
  expect(areas.toSorted()).toEqual(Object.keys(ERRORS).toSorted());
});

/** Known by their codes since they were told: two stand in recorded histories, one ends a session, not a call. */
const KNOWN = ['ATTEMPTS_LOST', 'EDGE_ENDED_AT_CALL', 'SUPERSEDED'];

test('no other reason that stays has a code which clients of gRPC retry by themselves', () => {
  const retried = Object.entries(ERRORS).filter(([, { code }]) => code === 'aborted' || code === 'unavailable');
  expect(retried.length).toBeGreaterThan(10);
  expect(retried.filter(([, { retryable }]) => !retryable).map(([reason]) => reason)).toEqual(KNOWN);
});
