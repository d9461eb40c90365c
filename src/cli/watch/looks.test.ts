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

test('an ask that only the box knows stands among the runs, the newest first', () => {
  const known = { id: 'a', state: 'answered', isOpen: false, device: 'pi', text: 'old', asked: 1_000, ended: 2_000 };
  const asked = {
    $typeName: 'bowline.local.v1.QueuedAsk',
    conversation: '',
    createTime: { seconds: 5n, nanos: 0 },
  } as never;
  const waiting = { ...(asked as object), run: 'b', text: 'new', sent: false } as never;
  const again = { ...(asked as object), run: 'a', text: 'old', sent: true } as never;
  expect(allRuns([known], [waiting, again], 'pi').map(({ id, state, isOpen }) => [id, state, isOpen])).toEqual([
    ['b', 'not sent', true],
    ['a', 'answered', false],
  ]);
});
