// The owner away from the box: what the desk for paired keys is made of.
import { signingKeyOf } from '../../contract/owners/owner-messages.ts';
import type { ApprovalDesk } from '../../edge/approvals/approval-desk.ts';
import type { Gate } from '../../edge/egress/gate.ts';
import type { EdgeJournal } from '../../edge/journal/edge-journal.ts';
import { OwnerDesk } from '../../edge/owners/owner-desk.ts';
import type { EdgeGround } from './options.ts';

export function openOwnerDesk(
  { identity, clock, log }: EdgeGround,
  journal: EdgeJournal,
  gate: Gate,
  desk: ApprovalDesk,
): OwnerDesk {
  const { tenant, device, name, keys } = identity;
  const deviceKey = new Uint8Array(Buffer.from(keys.publicKey, 'base64'));
  return new OwnerDesk({
    box: { tenant, device, deviceName: name, deviceKey },
    deviceKey: signingKeyOf(keys.privateKey),
    journal,
    answer: (answers, allow, scope, by) => desk.answer(answers, allow, scope, by),
    release: (body) => gate.admitNote(body),
    clock,
    log,
  });
}
