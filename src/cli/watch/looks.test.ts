// Messages of the two APIs become what is shown: the list of what stops answers first, each sentence once.
import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { GetStatusResponseSchema as ControlStatusSchema } from '../../../gen/bowline/control/v1/status_service_pb.ts';
import { GetStatusResponseSchema } from '../../../gen/bowline/local/v1/local_pb.ts';
import { allRuns, boxLook, controlLook } from './looks.ts';

const disk = {
  reason: 'DISK_FULL',
  code: 8,
  message: 'the disk is full',
  metadata: { file: '/home', problem: 'ENOSPC' },
};

test('what stands in the way of answers is told first, and once', () => {
  const status = create(GetStatusResponseSchema, { conditions: [{ why: disk, stops: true }], problem: disk });
  expect(boxLook(status).problems).toHaveLength(1);
  expect(boxLook(status).problems[0]).toContain('(DISK_FULL)');
  const control = create(ControlStatusSchema, { conditions: [{ why: disk, stops: true }], databaseOk: false });
  const { problems } = controlLook('http://127.0.0.1:7420', control);
  expect(problems[0]).toContain('(DISK_FULL)');
  expect(problems).toHaveLength(2);
});

test('what waits for a yes is told of the box, and of its run as long as that is open', () => {
  const box = (pendingApprovals: number) => boxLook(create(GetStatusResponseSchema, { pendingApprovals })).waitingYes;
  expect([box(0), box(1), box(2)]).toEqual([
    '',
    '1 call waits for your yes: bowline approvals ls',
    '2 calls wait for your yes: bowline approvals ls',
  ]);
  const run = { id: 'a', state: 'running', isOpen: true, device: 'pi', text: '整理', asked: 1, ended: undefined };
  const over = { ...run, id: 'b', state: 'answered', isOpen: false };
  expect(allRuns([run, over], [], 'pi', new Set(['a', 'b'])).map(({ state }) => state)).toEqual([
    'your yes',
    'answered',
  ]);
});

test('an ask that only the box knows stands among the runs, the newest first', () => {
  const known = { id: 'a', state: 'answered', isOpen: false, device: 'pi', text: 'old', asked: 1_000, ended: 2_000 };
  const asked = {
    $typeName: 'bowline.local.v1.QueuedAsk',
    conversation: '',
    createTime: { seconds: 5n, nanos: 0 },
  } as never;
  const waiting = { ...(asked as object), run: 'b', text: 'new', sent: false } as never;
  const again = { ...(asked as object), run: 'a', text: 'old', sent: true } as never;
  expect(
    allRuns([known], [waiting, again], 'pi', new Set()).map(({ id, state, isOpen }) => [id, state, isOpen]),
  ).toEqual([
    ['b', 'not sent', true],
    ['a', 'answered', false],
  ]);
});
