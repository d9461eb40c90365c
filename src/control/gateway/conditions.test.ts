import { expect, test } from 'vitest';
import { AppError } from '../../base/errors.ts';
import { whyOf } from '../../contract/condition.ts';
import { toFailure } from '../../contract/errors.ts';
import { type ConditionSources, conditionsOf } from './conditions.ts';

const WELL: ConditionSources = {
  stopped: undefined,
  disk: undefined,
  database: undefined,
  queue: undefined,
  hasModel: true,
  modelRefused: undefined,
  budgets: [],
  children: [],
};

const found = (change: Partial<ConditionSources>) =>
  conditionsOf({ ...WELL, ...change }).map((each) => [whyOf(each)?.reason, each.stops]);

test('nothing stands in the way where all is well', () => {
  expect(found({})).toEqual([]);
});

test('each that stops answers is told by its own name, and what only hinders as that', () => {
  const refused = toFailure(new AppError('PROVIDER_KEY_MISSING', { model: 'openai', problem: 'HTTP 401' }));
  expect(found({ stopped: new AppError('DATABASE_WENT_BACK', { replica: 'r', known: 2, given: 1 }) })).toEqual([
    ['DATABASE_WENT_BACK', true],
  ]);
  expect(found({ database: 'its server is stopping' })).toEqual([['DATABASE_AWAY', true]]);
  expect(found({ hasModel: false })).toEqual([['NO_MODEL', true]]);
  expect(found({ modelRefused: refused })).toEqual([['PROVIDER_KEY_MISSING', true]]);
  expect(found({ queue: 'ECONNREFUSED' })).toEqual([['REDIS_AWAY', false]]);
});

test('a full disk is the cause, and not that the database takes no writes by it', () => {
  const disk = { folder: '/home/x/control', free: 3 << 20 };
  const [first] = conditionsOf({ ...WELL, disk, database: 'its disk is full' });
  expect(found({ disk, database: 'its disk is full' })).toEqual([['CONTROL_DISK_FULL', true]]);
  expect(first && whyOf(first)?.message).toContain('(3 MB left in /home/x/control)');
});

test('why no model answers is told from what was started here', () => {
  const child = { name: 'worker', running: false, ends: 2, residentBytes: 0 };
  const words = (children: ConditionSources['children']) => {
    const [first] = conditionsOf({ ...WELL, hasModel: false, children });
    return first && whyOf(first)?.message;
  };
  expect(words([])).toContain('start one with `bowline worker --serve llm`');
  expect(words([child])).toContain('is being started again; if this stays, see `bowline logs worker`');
  expect(words([{ ...child, missing: ['llm: the model x has no usable key'] }])).toContain(
    'is without llm: the model x',
  );
  expect(words([{ ...child, running: true, noModel: true }])).toMatch(
    /BOWLINE_WORKER_SERVE does not name llm.*worker --serve llm/,
  );
});
