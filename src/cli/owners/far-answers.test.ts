// What another machine of the owner is told of answers that a box takes one by one: the real desk of a box, its seals and receipts.
import { createClient, createRouterTransport } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { ApprovalScope, ApprovalState } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { ApprovalService } from '../../../gen/bowline/control/v1/approval_service_pb.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { BOX, heldApproval, ownerBox, pairedMachine, sealedFor } from '../../../test/support/owner-box.ts';
import type { Side } from '../client.ts';
import type { CliIo } from '../io.ts';
import { answerFar } from './far-answers.ts';
import { FarApprovals } from './far-approvals.ts';

/** A box with three calls that wait, and a laptop that answers them. `onNote` is told how many answers the box took. */
async function laptop(onNote: (count: number, calls: Awaited<ReturnType<typeof heldApproval>>[]) => Promise<void>) {
  const at = await ownerBox(undefined, new ManualClock(Date.now()));
  const machine = await pairedMachine(at);
  const leave = new AbortController();
  const calls = [
    await heldApproval(at, '一'),
    await heldApproval(at, '二'),
    await heldApproval(at, '三', leave.signal),
  ];
  for (const { id } of calls) await sealedFor(at, machine, id);
  let count = 0;
  const transport = createRouterTransport((router) =>
    router.service(ApprovalService, {
      listSealedNotes: () => ({ notes: [...at.notes.values()].map(({ id, body }) => ({ id, body })) }),
      async sendOwnerNote({ key, id, body }) {
        await onNote(count, calls);
        await at.take(key, id, body);
        count += 1;
        return {};
      },
    }),
  );
  const control: Side = { transport, where: '', client: (of) => createClient(of, transport), close: () => {} };
  const box = {
    ...BOX,
    key: machine.key,
    name: 'laptop',
    control: '',
    deviceKey: Buffer.from(BOX.deviceKey).toString('base64'),
    signingKey: machine.signing.export({ format: 'der', type: 'pkcs8' }).toString('base64'),
    sealingKey: Buffer.from(machine.sealing).toString('base64'),
  };
  const far = new FarApprovals(
    [box],
    () => control,
    () => {},
  );
  const said: string[] = [];
  const io = { env: {}, stderr: { write: (text: string) => said.push(text) > 0 } } as Partial<CliIo> as CliIo;
  const answers = calls.map(({ id, digest }) => ({ id, digest }));
  const answer = (allow: boolean) =>
    answerFar(io, far, answers, allow, allow ? ApprovalScope.ONCE : ApprovalScope.UNSPECIFIED);
  return { answer, leave, clock: at.clock, said: () => said.join('') };
}

test('noes that count are told as noes, also where the box ends the last call before its own no comes', async () => {
  const at = await laptop(async (count, calls) => {
    if (count !== 2) return;
    at.leave.abort();
    await calls[2]!.asked.catch(() => {});
  });
  const now = await at.answer(false);
  expect(now.map(({ state, answeredBy }) => [state, answeredBy])).toEqual([
    [ApprovalState.DENIED, 'key laptop'],
    [ApprovalState.DENIED, 'key laptop'],
    [ApprovalState.WITHDRAWN, ''],
  ]);
  expect(now.every(({ effect }) => effect !== undefined)).toBe(true);
  expect(at.said()).toBe('');
});

test('an answer that the box refuses is told with its reason, and what still waits as that; of refusals alone the reason is thrown', async () => {
  const at = await laptop(async (count) => {
    if (count === 2) at.clock.advance(2 * 3_600_000);
  });
  const now = await at.answer(true);
  expect(now.map(({ state }) => state)).toEqual([ApprovalState.ALLOWED, ApprovalState.ALLOWED, ApprovalState.PENDING]);
  expect(at.said()).toMatch(/^not answered: change 日记\/灯塔\.md .*\(OWNER_ANSWER_STALE\)\n$/);
  const late = await laptop(async (count) => {
    if (count === 0) late.clock.advance(2 * 3_600_000);
  });
  await expect(late.answer(true)).rejects.toMatchObject({ reason: 'OWNER_ANSWER_STALE' });
});
