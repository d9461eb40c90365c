import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { ApprovalSchema, ApprovalState } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { RunEventSchema as LocalRunEventSchema } from '../../../gen/bowline/local/v1/local_pb.ts';
import { roomTold, withDayRoom } from './day-room.ts';

const share = (state: ApprovalState, ...bytes: bigint[]) =>
  create(ApprovalSchema, {
    state,
    digest: new Uint8Array(32).fill(7),
    effect: { effect: { case: 'share', value: { files: bytes.map((each) => ({ bytes: each })) } } },
  });
const day = { use: { bytes: 700, limit: 1000, until: 86_400_000 } };

test('a share that waits and does not fit the day tells what still does; nothing else of it changes', () => {
  const tooMuch = share(ApprovalState.PENDING, 200n, 101n);
  const told = withDayRoom(day, tooMuch);
  expect(told).toEqual({ ...tooMuch, dayRoom: expect.anything() });
  expect(told.dayRoom).toMatchObject({ bytes: 300n, untilTime: timestampFromMs(86_400_000) });
  expect(withDayRoom({ use: { ...day.use, bytes: 1200 } }, tooMuch).dayRoom?.bytes).toBe(0n);
  for (const other of [
    share(ApprovalState.PENDING, 200n, 100n),
    share(ApprovalState.ALLOWED, 200n, 101n),
    create(ApprovalSchema, { state: ApprovalState.PENDING }),
  ])
    expect(withDayRoom(day, other)).toBe(other);
  const event = create(LocalRunEventSchema, { event: { case: 'approval', value: tooMuch } });
  expect(roomTold(day, event).event.value).toMatchObject({ dayRoom: { bytes: 300n } });
});
