// A box that joined and lost its journal: nothing starts as if there had been none, `journal verify` says so, and both remedies work.
import { createHash } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { homePaths } from '../../src/base/home.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { newDeviceKeys, readIdentity, writeIdentity } from '../../src/edge/identity/identity.ts';
import { startEdge } from '../../src/main/start-edge.ts';
import { verifyOffline } from '../../src/main/verify-offline.ts';
import { tempHome } from './support/edge-parts.ts';

let place: ReturnType<typeof tempHome>;
let paths: ReturnType<typeof homePaths>;

const joined = (home: string) => {
  const publicKey = Buffer.alloc(32, 7);
  const keyId = createHash('sha256').update(publicKey).digest('hex').slice(0, 16);
  const names = { device: 'd', tenant: 't', name: 'journal', control: 'http://127.0.0.1:9' };
  return writeIdentity(homePaths(home).device, { ...names, keys: newDeviceKeys(), signingKey: { keyId, publicKey } });
};

/** Starts the edge, whose control plane cannot be reached, and stops it. */
async function start(home: string, newJournal = false): Promise<void> {
  const edge = await startEdge({
    home,
    control: undefined,
    allow: [],
    name: undefined,
    newJournal,
    clock: systemClock,
    log: silentLogger,
    onFatal: (error) => {
      throw error;
    },
  });
  await edge.stop(5_000);
}

const journalOf = async (home: string) => (await readIdentity(homePaths(home).device))?.journal;

beforeEach(async () => {
  place = tempHome();
  paths = homePaths(place.home);
  await joined(place.home);
  expect(await journalOf(place.home)).toBeUndefined();
  await start(place.home);
});
afterEach(() => place.dispose());

const LOSSES: Readonly<Record<string, () => void>> = {
  'its segments': () => {
    for (const name of readdirSync(paths.journal)) if (name.endsWith('.seg')) rmSync(join(paths.journal, name));
  },
  'its folder': () => rmSync(paths.journal, { recursive: true }),
};

test.each(Object.entries(LOSSES))('without %s nothing starts, and nothing is written', async (_, lose) => {
  const known = await journalOf(place.home);
  expect(await verifyOffline(place.home)).toMatchObject({ ok: true, journalId: known });
  lose();
  const left = existsSync(paths.journal) ? readdirSync(paths.journal) : undefined;
  await expect(start(place.home)).rejects.toMatchObject({
    reason: 'JOURNAL_MISSING',
    message: expect.stringMatching(/ledger.*copy.*--new-journal/s),
  });
  expect(existsSync(paths.journal) ? readdirSync(paths.journal) : undefined).toEqual(left);
  expect(await verifyOffline(place.home)).toMatchObject({ ok: false, problem: expect.stringContaining(known!) });
});

test('put back from a copy it starts again', async () => {
  const copy = join(place.home, 'copy');
  cpSync(paths.journal, copy, { recursive: true });
  rmSync(paths.journal, { recursive: true });
  await expect(start(place.home)).rejects.toMatchObject({ reason: 'JOURNAL_MISSING' });
  cpSync(copy, paths.journal, { recursive: true });
  await start(place.home);
});

test('a new one begins when the owner says so; the one that is there is kept', async () => {
  const before = await journalOf(place.home);
  const aside = () => readdirSync(place.home).filter((name) => name.startsWith('journal.'));
  await start(place.home, true);
  expect(await journalOf(place.home)).not.toBe(before);
  expect(aside()).toHaveLength(1);
  LOSSES['its folder']!();
  await start(place.home, true);
  expect(aside()).toHaveLength(1);
  await start(place.home);
});

test('a journal of another box, or an older one of this box, is not taken for it', async () => {
  const other = tempHome();
  try {
    await joined(other.home);
    await start(other.home);
    LOSSES['its folder']!();
    cpSync(homePaths(other.home).journal, paths.journal, { recursive: true });
    await expect(start(place.home)).rejects.toMatchObject({ reason: 'JOURNAL_MISSING' });
    expect(await verifyOffline(place.home)).toMatchObject({
      ok: false,
      problem: expect.stringContaining('in its place'),
    });
  } finally {
    other.dispose();
  }
});

test('a home of an earlier version is told which journal it has at its next start', async () => {
  const { journal, sums, ...content } = JSON.parse(readFileSync(paths.device, 'utf8'));
  const { journal: _, ...others } = sums;
  writeFileSync(paths.device, JSON.stringify({ ...content, sums: others }));
  expect(await journalOf(place.home)).toBeUndefined();
  await start(place.home);
  expect(await journalOf(place.home)).toBe(journal);
});
