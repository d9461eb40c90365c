import { expect, test } from 'vitest';
import { LivePeers } from './live-peers.ts';

function peer() {
  const waiting: ((error: Error | null) => void)[] = [];
  const session = {
    destroyed: false,
    closed: false,
    ping: (callback: (error: Error | null) => void) => waiting.push(callback) > 0,
  };
  return { waiting, session: session as unknown as Parameters<LivePeers['isLive']>[0], state: session };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test('only a ping that was sent after the lookup began answers it, and lookups of one moment share one', async () => {
  const peers = new LivePeers();
  const { waiting, session } = peer();
  const first = peers.isLive(session);
  const later = [peers.isLive(session), peers.isLive(session)];
  expect(waiting.length).toBe(1);
  waiting[0]!(null);
  expect(await first).toBe(true);
  await turn();
  expect(waiting.length).toBe(2);
  waiting[1]!(null);
  expect(await Promise.all(later)).toEqual([true, true]);
});

test('a connection that ends, or is gone, is not live', async () => {
  const peers = new LivePeers();
  const { waiting, session, state } = peer();
  const asked = peers.isLive(session);
  waiting[0]!(new Error('canceled'));
  expect(await asked).toBe(false);
  state.destroyed = true;
  expect(await peers.isLive(session)).toBe(false);
});
