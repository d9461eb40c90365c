import { expect, test } from 'vitest';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { MemoryEventStore } from '../../../../test/support/memory-event-store.ts';
import { unit } from '../../../../test/support/units.ts';
import type { Snapshot, Snapshots } from '../../store/snapshots.ts';
import { type ConversationState, enqueue, evolveConversation, leave } from '../run/conversation.ts';
import { storeConversationEvent } from './event-codec.ts';
import { foldedStreams } from './folded-streams.ts';

/** A conversation of so many turns in a store that counts the events that it gives out. */
async function conversation(turns: number) {
  const store = new MemoryEventStore(new ManualClock());
  const kept = new Map<string, Snapshot>();
  const snapshots: Snapshots = {
    find: async (_tenant, stream) => kept.get(stream),
    write: async (_tenant, stream, snapshot) => void kept.set(stream, structuredClone(snapshot)),
  };
  const state = { read: 0 };
  const counting = {
    commit: (one: Parameters<typeof store.commit>[0]) => store.commit(one),
    outcome: (...words: Parameters<typeof store.outcome>) => store.outcome(...words),
    load: async (...words: Parameters<typeof store.load>) => {
      const loaded = await store.load(...words);
      state.read += loaded.events.length;
      return loaded;
    },
  };
  /** As another replica has it, or this one after a start. */
  const fresh = () => foldedStreams(counting, 100, () => {}, snapshots).conversations;
  const working = fresh();
  let line: ConversationState | undefined;
  const add = async (run: string) => {
    const entry = { run, tenant: 't', conversation: 'c', device: 'd', title: '第一句' };
    const before = line?.version ?? 0;
    const events = enqueue(line, entry, 1);
    for (const event of events) line = evolveConversation(line, event);
    for (const event of leave(line!, run, 2)) {
      events.push(event);
      line = evolveConversation(line, event);
    }
    const part = {
      stream: 'c',
      kind: 'conversation' as const,
      expected: before,
      events: events.map(storeConversationEvent),
    };
    expect((await store.commit(unit('t', [part]))).status).toBe('committed');
    working.put('t', 'c', line!, 1);
  };
  for (let n = 0; n < turns; n++) await add(`r${n}`);
  await new Promise((resolve) => setImmediate(resolve));
  const load = async () => {
    state.read = 0;
    const { state: loaded } = await fresh().refresh('t', 'c');
    await new Promise((resolve) => setImmediate(resolve));
    return { loaded, read: state.read };
  };
  return { load, kept, add, line: () => line };
}

test('loading a conversation reads as few events at turn 2,000 as at turn 30, and gives the same', async () => {
  const [short, long] = [await conversation(30), await conversation(2_000)];
  const [first, last] = [await short.load(), await long.load()];
  expect(last.loaded).toEqual(long.line());
  expect(first.loaded).toEqual(short.line());
  expect(last.loaded).toMatchObject({ version: 6_000, turns: 2_000, title: '第一句' });
  // Those since the last snapshot, and one that the snapshot is compared with.
  expect(Math.max(first.read, last.read)).toBeLessThanOrEqual(64 + 3);
});

test('a snapshot that is wrong, of another format or of another history is not believed, and made anew', async () => {
  const { load, kept, line } = await conversation(100);
  const good = kept.get('c')!;
  const wrong: Snapshot[] = [
    { ...good, format: good.format + 1 },
    { ...good, eventHash: new Uint8Array(32) },
    { ...good, version: 100_000 },
    { ...good, state: { ...good.state, past: 'r1' } },
    { ...good, state: {} },
  ];
  for (const snapshot of wrong) {
    kept.set('c', snapshot);
    const { loaded, read } = await load();
    expect(loaded).toEqual(line());
    expect(read).toBeGreaterThanOrEqual(300);
    expect(kept.get('c')).toMatchObject({ version: 300, format: good.format });
  }
  expect((await load()).read).toBe(1);
});
