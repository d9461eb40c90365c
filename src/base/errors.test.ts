// How errors are worded.
import { expect, test } from 'vitest';
import { CONTROL_ERRORS } from './error-tables/control.ts';
import { EDGE_ERRORS } from './error-tables/edge.ts';
import { SHARED_ERRORS } from './error-tables/shared.ts';
import { WORKER_ERRORS } from './error-tables/worker.ts';
import { AppError, ERRORS } from './errors.ts';
import { fixedLimit } from './fixed-limit.ts';

test('a limit names the setting that raises it; a fixed one says so, and what to do instead', () => {
  const over = new AppError('LIMIT_EXCEEDED', { what: 'it', limit: 3, setting: 'limits.file_bytes' });
  expect(over.message).toBe('it is over the limit of 3; raise limits.file_bytes if this is right');
  const fixed = fixedLimit('it', 3, 'send less');
  expect(fixed).toMatchObject({
    reason: 'LIMIT_EXCEEDED',
    message: 'it is over the limit of 3, which is fixed; send less',
  });
});

test('no reason stands in two areas', () => {
  const areas = [SHARED_ERRORS, CONTROL_ERRORS, EDGE_ERRORS, WORKER_ERRORS].flatMap((table) => Object.keys(table));
  expect(areas.toSorted()).toEqual(Object.keys(ERRORS).toSorted());
});
