// At most so many bytes of content leave on one day, whatever happens to the process, the clock and the order of calls.
import { expect, test } from 'vitest';
import { FsService } from '../../../gen/bowline/capability/fs/v1/fs_pb.ts';
import type { Egress } from '../../../gen/bowline/run/v1/run_pb.ts';
import { type EdgeRig, edgeFolder, edgeRig } from '../../../test/support/edge-rig.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { withheldWord } from '../../contract/withheld.ts';
import { countedBytes } from '../journal/day-book.ts';
import { DayCap } from '../journal/day-cap.ts';

const { read } = FsService.method;
const HOUR = 3_600_000;
const FILES = Object.fromEntries(Array.from({ length: 12 }, (_, n) => [`docs/文件-${n}.md`, 'x'.repeat(1000)]));
/** The text of one file and the few bytes of numbers about it fit three times. */
const CONFIG = 'limits: {egress_day_bytes: 3300}\n';

const noon = () => new ManualClock(new Date(2026, 2, 1, 12).getTime());
const openAt = (dir: string, clock: ManualClock) => edgeRig(dir, { clock, config: CONFIG });

/** Reads a file that is shared for it. What left of it, and why the rest stayed. */
async function readShared(rig: EdgeRig, n: number) {
  const path = `docs/文件-${n}.md`;
  const { run } = await rig.ask('read', [path]);
  const { messages, result } = await rig.call(read, { path }, { run });
  const why = result.withheld.filter(({ field }) => field === 'text');
  return { text: messages[0]?.text ?? '', why: why.map((each) => withheldWord(each.why)), hint: why[0]?.hint };
}

test('a file that is larger than what may leave on any day is not told to wait for midnight', async () => {
  const rig = await edgeRig(edgeFolder(FILES), { clock: noon(), config: 'limits: {egress_day_bytes: 900}\n' });
  const { why, hint } = await readShared(rig, 0);
  expect([why, hint]).toEqual([['DAY_CAP'], expect.stringMatching(/larger than .* on any day: raise limits\.egress/)]);
  await rig.close();
});

async function ledgerOf(rig: EdgeRig): Promise<Egress[]> {
  return (await rig.journal.ledger({ limit: 1000 })).map(({ egress }) => egress);
}

test('what does not fit the day stays with a reason of its own, the call goes on, and the next day begins anew', async () => {
  const clock = noon();
  const rig = await openAt(edgeFolder(FILES), clock);
  for (const n of [0, 1, 2]) expect((await readShared(rig, n)).text).toHaveLength(1000);
  const stayed = await readShared(rig, 3);
  expect(stayed).toMatchObject({ text: '', why: ['DAY_CAP'] });
  expect(stayed.hint).toBe('wait for midnight, or raise limits.egress_day_bytes in config.yaml');
  expect(countedBytes(await ledgerOf(rig))).toBeLessThanOrEqual(3300);
  clock.advance(11 * HOUR);
  expect((await readShared(rig, 4)).text).toBe('');
  clock.advance(HOUR);
  expect((await readShared(rig, 5)).text).toHaveLength(1000);
  await rig.close();
});

test('a restart and a clock that is set back renew nothing', async () => {
  const clock = noon();
  const dir = edgeFolder(FILES);
  let rig = await openAt(dir, clock);
  await readShared(rig, 0);
  await readShared(rig, 1);
  await rig.close();
  rig = await openAt(dir, clock);
  expect((await readShared(rig, 2)).text).toHaveLength(1000);
  expect((await readShared(rig, 3)).why).toEqual(['DAY_CAP']);
  // Tomorrow two more leave; then the owner says that it is today, after all.
  clock.advance(24 * HOUR);
  await readShared(rig, 4);
  await readShared(rig, 5);
  clock.advance(-24 * HOUR);
  await rig.journal.resetClock();
  expect((await readShared(rig, 6)).why).toEqual(['DAY_CAP']);
  await rig.close();
  rig = await openAt(dir, clock);
  expect((await readShared(rig, 6)).why).toEqual(['DAY_CAP']);
  clock.advance(24 * HOUR);
  expect((await readShared(rig, 6)).text).toHaveLength(1000);
  expect((await readShared(rig, 7)).why).toEqual(['DAY_CAP']);
  await rig.close();
});

test('calls side by side never take the same bytes', async () => {
  const clock = noon();
  const rig = await openAt(edgeFolder(FILES), clock);
  const answers = await Promise.all(Array.from({ length: 12 }, (_, n) => readShared(rig, n)));
  expect(answers.filter(({ text }) => text !== '')).toHaveLength(3);
  expect(answers.filter(({ why }) => why[0] === 'DAY_CAP')).toHaveLength(9);
  const used = countedBytes(await ledgerOf(rig));
  expect(used).toBeLessThanOrEqual(3300);
  expect([...rig.journal.days.all().values()]).toEqual([used]);
  await rig.close();
});

test('what was taken and did not leave is given back to the day it was taken from', () => {
  const clock = noon();
  const day = new DayCap({ left: new Map(), now: () => clock.now(), limit: () => 100 });
  const giveBack = day.take(100);
  expect(day.take(1)).toBeUndefined();
  clock.advance(12 * HOUR);
  expect(day.take(60)).toBeDefined();
  giveBack?.();
  expect(day.use).toMatchObject({ bytes: 60, limit: 100, until: new Date(2026, 2, 3).getTime() });
  clock.advance(-12 * HOUR);
  expect(day.use.bytes).toBe(60);
});
