// Attempts whose commit is under way: what is said of them waits, and of one that did not come to be nothing is heard any more.
import { expect, test } from 'vitest';
import type { StoredOutboxRow } from '../../store/outbox.ts';
import type { WorkerSession } from '../session-ports.ts';
import { Attempts } from './attempts.ts';
import { KeptBack } from './kept-back.ts';

const row = { tenant: 't', run: 'r', job: 'r/0/0', epoch: 1, dispatchId: 'r/0/0-1-n' } as StoredOutboxRow;
const session = { bootId: 'boot', view: () => ({ name: 'w1', provider: 'rules' }) } as unknown as WorkerSession;

test('what was kept back is said in its order when the commit is told; before that nobody finds the attempt', () => {
  const attempts = new Attempts();
  const kept = new KeptBack(100);
  const attempt = attempts.add(row, session, undefined, kept);
  const said: string[] = [];
  for (const word of ['a', 'b']) kept.add(1, () => said.push(word));
  expect([attempts.ids(), attempts.ofJob('t', 'r/0/0'), said]).toEqual([[], undefined, []]);
  attempts.confirm(attempt);
  expect([attempts.ids(), attempts.ofJob('t', 'r/0/0'), said]).toEqual([['r/0/0-1-n'], attempt, ['a', 'b']]);
});

test('a result of an attempt that was given up is late; of one whose commit was not ours it is nothing, also when its worker is missed later', () => {
  const attempts = new Attempts();
  const given = attempts.add(row, session, undefined);
  attempts.abandon(given);
  expect(attempts.former('r/0/0-1-n')).toBe(given);
  const other = { ...row, dispatchId: 'r/0/0-1-m' };
  const withdrawn = attempts.add(other, session, undefined, new KeptBack(100));
  attempts.finish(withdrawn);
  attempts.abandon(withdrawn);
  expect([attempts.former('r/0/0-1-m'), attempts.wasSent('r/0/0-1-m')]).toEqual([undefined, true]);
});
