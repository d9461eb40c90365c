import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { GrantEndReason, GrantedFileSchema } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { silentLogger } from '../../base/logger.ts';
import type { RecordInit } from '../journal/records.ts';
import { Grants } from './grants.ts';

const hash = new Uint8Array(32).fill(1);
const granted = (path: string, lines?: [number, number]) =>
  create(GrantedFileSchema, {
    path,
    realPath: `/${path}`,
    device: 1n,
    inode: 2n,
    sha256: hash,
    startLine: lines?.[0] ?? 0,
    endLine: lines?.[1] ?? 0,
  });
const now = { run: 'r', recipient: 'rules', realPath: '/docs/a.md', device: 1n, inode: 2n, sha256: hash };

function setup(clock = new ManualClock()) {
  const records: RecordInit[] = [];
  const journal = { append: async (more: readonly RecordInit[]) => records.push(...more) };
  const grants = new Grants({ clock, log: silentLogger, journal });
  const ends = () => records.flatMap((record) => (record.case === 'grantEnded' ? [record.value.why] : []));
  const mint = (recipients = ['rules'], files = [granted('docs/a.md')]) =>
    grants.mintShare({ run: 'r', files, recipients, capBytes: 100 });
  return { clock, grants, ends, mint };
}

test('a share covers exactly the frozen file, for its run and recipients', () => {
  const { grants, mint } = setup();
  const { id } = mint();
  expect(grants.covers(now)).toMatchObject({ grant: id, lines: undefined });
  expect(grants.covers({ ...now, run: 'other' })).toBe('NO_GRANT');
  expect(grants.covers({ ...now, realPath: '/docs/b.md' })).toBe('NO_GRANT');
  expect(grants.covers({ ...now, recipient: 'openai' })).toBe('RECIPIENT');
  for (const changed of [{ device: 9n }, { inode: 9n }, { sha256: new Uint8Array(32) }]) {
    expect(grants.covers({ ...now, ...changed })).toBe('CHANGED');
  }
  // Not looked at, so nothing is known of a change.
  expect(grants.covers({ ...now, sha256: undefined })).toBe('NO_GRANT');
  expect(grants.names('r', '/docs/a.md')).toBe(true);
  expect(grants.names('r', '/docs/b.md')).toBe(false);
});

test('`local` means the providers that are known to be the owner’s, `any` means any', () => {
  const { grants, mint } = setup();
  mint(['local']);
  expect(grants.covers({ ...now, recipient: 'rules' })).not.toBeTypeOf('string');
  expect(grants.covers({ ...now, recipient: 'ollama' })).toBe('RECIPIENT');
  grants.knowLocal('ollama');
  expect(grants.covers({ ...now, recipient: 'ollama' })).not.toBeTypeOf('string');
  grants.knowLocal('ollama', false);
  expect(grants.covers({ ...now, recipient: 'ollama' })).toBe('RECIPIENT');
  grants.knowLocal('rules', false);
  expect(grants.covers({ ...now, recipient: 'rules' })).not.toBeTypeOf('string');
  mint(['any']);
  expect(grants.covers({ ...now, recipient: 'openai' })).not.toBeTypeOf('string');
});

test('property: what is shared reaches whom it names and nobody else, least of all an empty name', () => {
  const names = ['rules', 'openai', 'local', 'any', ''];
  const lists = fc.uniqueArray(fc.constantFrom(...names), { maxLength: 4 });
  fc.assert(
    fc.property(lists, fc.constantFrom('', 'rules', 'openai', 'ollama', 'Rules', ' '), (recipients, recipient) => {
      const { grants, mint } = setup();
      grants.knowLocal('ollama');
      mint(recipients);
      const local = recipient === 'rules' || recipient === 'ollama';
      const named = recipient !== '' && recipients.includes(recipient);
      const reaches = recipients.includes('any') || named || (local && recipients.includes('local'));
      expect(grants.covers({ ...now, recipient }) !== 'RECIPIENT').toBe(reaches);
    }),
  );
});

test('ranges of one file add up; a share of the whole file wins', () => {
  const { grants, mint } = setup();
  mint(['rules'], [granted('docs/a.md', [1, 3]), granted('docs/a.md', [10, 12])]);
  expect(grants.covers(now)).toMatchObject({
    lines: [
      { start: 1, end: 3 },
      { start: 10, end: 12 },
    ],
  });
  const { id } = mint();
  expect(grants.covers(now)).toMatchObject({ grant: id, lines: undefined });
});

test('a share ends fifteen minutes after its ask was sent, at its cap, and with its run', () => {
  const { clock, grants, ends, mint } = setup();
  mint();
  clock.advance(24 * 60 * 60_000);
  expect(grants.list()).toMatchObject([{ expiresAt: undefined }]);
  grants.sent('other');
  grants.sent('r');
  clock.advance(60_000);
  // Another session sends it again: that renews nothing.
  grants.sent('r');
  clock.advance(14 * 60_000 - 1);
  expect(grants.covers(now)).not.toBe('NO_GRANT');
  clock.advance(1);
  expect(grants.covers(now)).toBe('EXPIRED');
  const { id } = mint();
  expect(grants.spend(id, 60)).toBe(true);
  expect(grants.spend(id, 60)).toBe(false);
  expect(grants.covers(now)).toBe('CAP');
  mint();
  grants.endRun('r', 'ANSWERED');
  expect(grants.covers(now)).toBe('NO_GRANT');
  expect(grants.list()).toEqual([]);
  grants.endEarlier(['g0'], []);
  expect(ends()).toEqual([
    GrantEndReason.EXPIRED,
    GrantEndReason.CAP,
    GrantEndReason.ANSWERED,
    GrantEndReason.RESTARTED,
  ]);
});

test('after a restart the share of an ask that waits has all its time, and one that was sent what is left of it', () => {
  const minted = setup().mint();
  const { clock, grants } = setup();
  clock.advance(10 * 60_000);
  expect(grants.revive(minted, { used: 40, waits: false })).toBe(true);
  expect(grants.spend(minted.id, 61)).toBe(false);
  expect(grants.revive(minted, { used: 0, waits: false })).toBe(true);
  grants.sent('r');
  clock.advance(5 * 60_000);
  expect(grants.list()).toEqual([]);
  expect(grants.revive(minted, { used: 0, waits: false })).toBe(false);
  expect(grants.revive(minted, { used: 0, waits: true })).toBe(true);
  grants.endEarlier([], [minted]);
  expect(grants.covers(now)).toMatchObject({ grant: minted.id });
  expect(grants.covers({ ...now, sha256: new Uint8Array(32) })).toBe('CHANGED');
  grants.sent('r');
  clock.advance(15 * 60_000);
  expect(grants.covers(now)).toBe('EXPIRED');
});

test('what was shared for a run that goes on is told as that after a restart, and never for another run or file', () => {
  const minted = setup().mint();
  const { grants } = setup();
  grants.endEarlier([minted.id], [minted]);
  expect(grants.covers(now)).toBe('RESTARTED');
  expect(grants.covers({ ...now, sha256: undefined })).toBe('RESTARTED');
  expect(grants.covers({ ...now, run: 'other' })).toBe('NO_GRANT');
  expect(grants.covers({ ...now, realPath: '/docs/b.md' })).toBe('NO_GRANT');
  grants.endRun('r', 'ANSWERED');
  expect(grants.covers(now)).toBe('NO_GRANT');
});

test('a share ends by the clock on the wall, too: while the machine sleeps no timer runs; a clock that is set back gives it no more', () => {
  class Sleeping extends ManualClock {
    offMs = 0;
    override now = () => this.monotonic() + this.offMs;
  }
  for (const offMs of [15 * 60_000, -60 * 60_000]) {
    const clock = new Sleeping();
    const { grants, ends, mint } = setup(clock);
    const { id } = mint();
    grants.sent('r');
    clock.offMs = offMs;
    expect(grants.spend(id, 1)).toBe(offMs < 0);
    if (offMs < 0) clock.advance(15 * 60_000);
    expect(grants.spend(id, 1)).toBe(false);
    expect(grants.covers(now)).toBe('EXPIRED');
    expect(ends()).toEqual([GrantEndReason.EXPIRED]);
  }
});

test('what leaves once more counts under its grant and may be taken back; it ends nothing', () => {
  const { grants, ends, mint } = setup();
  const { id } = mint();
  expect(grants.spend(id, 60)).toBe(true);
  expect(grants.spendAgain(id, 41, 'of another call')).toBeUndefined();
  const giveBack = grants.spendAgain(id, 40, 'of another call');
  expect(grants.list()).toMatchObject([{ usedBytes: 100 }]);
  giveBack?.();
  expect(grants.list()).toMatchObject([{ usedBytes: 60 }]);
  expect(grants.spendAgain('several', 1, 'of another call')).toBeUndefined();
  expect(ends()).toEqual([]);
});
