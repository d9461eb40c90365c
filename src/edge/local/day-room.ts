// What the owner is told of the day with a share that does not fit it any more: after a yes its content would stay all the same. Pure.
import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  type Approval,
  ApprovalSchema,
  ApprovalState,
  DayRoomSchema,
} from '../../../gen/bowline/approval/v1/approval_pb.ts';
import {
  type RunEvent as LocalRunEvent,
  RunEventSchema as LocalRunEventSchema,
} from '../../../gen/bowline/local/v1/local_pb.ts';
import type { DayCap } from '../journal/day-cap.ts';

export function withDayRoom({ use: { bytes, limit, until } }: Pick<DayCap, 'use'>, approval: Approval): Approval {
  const { state, effect } = approval;
  if (state !== ApprovalState.PENDING || effect?.effect.case !== 'share') return approval;
  const left = Math.max(limit - bytes, 0);
  if (effect.effect.value.files.reduce((sum, file) => sum + Number(file.bytes), 0) <= left) return approval;
  const dayRoom = create(DayRoomSchema, { bytes: BigInt(left), untilTime: timestampFromMs(until) });
  return create(ApprovalSchema, { ...approval, dayRoom });
}

/** An event of a run, with the same where it is of an approval. */
export function roomTold(day: Pick<DayCap, 'use'>, told: LocalRunEvent): LocalRunEvent {
  const { event } = told;
  if (event.case !== 'approval') return told;
  return create(LocalRunEventSchema, { ...told, event: { case: 'approval', value: withDayRoom(day, event.value) } });
}
