import { expect, test } from 'vitest';
import { AppError } from '../../base/errors.ts';
import { hindering, stopping, whyOf } from '../../contract/condition.ts';
import { type EdgeConditionSources, edgeConditions } from './conditions.ts';

const WELL: EdgeConditionSources = {
  status: { connection: 'connected', problem: undefined, conditions: [] },
  journal: undefined,
  disk: { folder: '/j', free: 1 << 30 },
  asks: { open: 1, most: 256 },
  clock: undefined,
  config: undefined,
};

const found = (change: Partial<EdgeConditionSources>) =>
  edgeConditions({ ...WELL, ...change }).map((each) => [whyOf(each)?.reason, each.stops]);

const status = (change: Partial<EdgeConditionSources['status']>) => ({ status: { ...WELL.status, ...change } });

test('what stops answers at this edge is told by its own name, what only hinders as that', () => {
  expect(found({})).toEqual([]);
  const away = new AppError('CONTROL_UNREACHABLE', { control: 'http://x', problem: 'ECONNREFUSED' });
  expect(found(status({ connection: 'offline', problem: away }))).toEqual([['CONTROL_UNREACHABLE', true]]);
  const suspended = new AppError('DEVICE_SUSPENDED', { device: 'pi' });
  expect(found(status({ connection: 'offline', problem: suspended }))).toEqual([['DEVICE_SUSPENDED', true]]);
  expect(found({ asks: { open: 256, most: 256 } })).toEqual([['QUEUE_FULL', true]]);
  expect(found(status({ flaps: 3 }))).toEqual([['SESSION_FLAPS', true]]);
  const line = new AppError('CONFIG_INVALID', { file: 'config.yaml', line: 1, column: 1, problem: 'x' });
  expect(found({ config: line })).toEqual([['PERMISSIONS_UNKNOWN', true]]);
  expect(found({ clock: new AppError('CLOCK_DOUBTED', { off: '2 hours', what: 'x' }) })).toEqual([
    ['CLOCK_DOUBTED', false],
  ]);
  expect(found({ disk: { folder: '/j', free: 4096 } })).toEqual([['EDGE_DISK_LOW', false]]);
  // The cause once, not its sign beside it.
  const full = new AppError('DISK_FULL', { what: 'the journal in /j' });
  expect(found({ journal: full, disk: { folder: '/j', free: 0 } })).toEqual([['DISK_FULL', true]]);
});

test('what the control plane told is told here too, the worst first', () => {
  const conditions = [
    stopping(new AppError('NO_MODEL', { remedy: 'start one' })),
    hindering(new AppError('REDIS_AWAY', { problem: 'ECONNREFUSED' })),
  ];
  const clock = new AppError('CLOCK_DOUBTED', { off: '2 hours', what: 'x' });
  expect(found({ ...status({ conditions }), clock })).toEqual([
    ['NO_MODEL', true],
    ['CLOCK_DOUBTED', false],
    ['REDIS_AWAY', false],
  ]);
});
