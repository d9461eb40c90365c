import { create } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import {
  ApprovalSchema,
  type CommandEffect,
  CommandEffectSchema,
  EffectSchema,
  FileAction,
  type FileEffect,
  FileEffectSchema,
  GrantWishSchema,
} from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { Taint } from '../../../gen/bowline/policy/v1/options_pb.ts';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { MemoryFs } from '../../../test/support/memory-fs.ts';
import type { AppError } from '../../base/errors.ts';
import { silentLogger } from '../../base/logger.ts';
import { openEdgeJournal } from '../journal/edge-journal.ts';
import { callGrantOf, coversCall } from './call-grant.ts';
import { CallGrants } from './call-grants.ts';

const METHOD = 'bowline.capability.fs.v1.FsService/Write';
const HOUR = 3_600_000;
const place = (rest: string, more: Partial<FileEffect> = {}) =>
  create(EffectSchema, {
    effect: {
      case: 'file',
      value: create(FileEffectSchema, {
        action: FileAction.CHANGE,
        path: `docs/${rest}`,
        realPath: `/home/u/docs/${rest}`,
        before: { bytes: 3n },
        after: { bytes: 4n },
        ...more,
      } as FileEffect),
    },
  });
const command = (argv: string[], more: Partial<CommandEffect> = {}) =>
  create(EffectSchema, {
    effect: {
      case: 'command',
      value: create(CommandEffectSchema, {
        argv,
        program: '/usr/bin/lp',
        programSha256: new Uint8Array(32).fill(1),
        cwd: '/home/u',
        env: ['A=1'],
        limits: ['no network'],
        ...more,
      } as CommandEffect),
    },
  });
const asked = (effect = place('a/x.md')) =>
  create(ApprovalSchema, { id: 'a', method: METHOD, entry: 'write docs', effect });
const grantOf = (pattern: string, effect = place('a/x.md'), taints: Taint[] = [], expireAt?: number) => {
  const expireTime = expireAt === undefined ? {} : { expireTime: timestampFromMs(expireAt) };
  const wish = create(GrantWishSchema, { pattern, ...expireTime });
  return callGrantOf({ ...asked(effect), taints }, wish, { id: 'g', now: HOUR, by: 'box' });
};
const refusal = (make: () => unknown): string => {
  try {
    make();
    return 'none';
  } catch (error) {
    return (error as AppError).reason;
  }
};

test('a pattern that would reach further than what was shown makes no grant', () => {
  for (const pattern of [
    '**',
    '*/a/x.md',
    '{docs,other}/**',
    'do*/**',
    'docs',
    'docs/',
    'docs/../**',
    'docs/./a/*.md',
    '../docs/**',
    '/home/u/docs/**',
    '~/docs/**',
    'other/**',
    'docs/b/**',
    'docs//a/*.md',
    'docs/a/\u202e*.md',
    'docs/a/*\u200b.md',
    '',
  ])
    expect([pattern, refusal(() => grantOf(pattern))]).toEqual([pattern, 'GRANT_TOO_WIDE']);
  expect(refusal(() => grantOf('docs/**', place('a/x.md', { realPath: '/home/u/other/x.md' })))).toBe('GRANT_TOO_WIDE');
  expect(refusal(() => grantOf('docs/**', undefined, [Taint.UNTRUSTED]))).toBe('GRANT_TOO_WIDE');
  expect(refusal(() => grantOf('docs/**', undefined, [], HOUR + 31 * 24 * HOUR))).toBe('GRANT_TOO_WIDE');
  expect(refusal(() => grantOf('docs/**', undefined, [], HOUR))).toBe('INVALID_ARGUMENT');
  expect(timestampMs(grantOf('docs/**').expireTime!) - HOUR).toBe(24 * HOUR);
});

test('a grant covers the same kind of change below the same root, by its real place', () => {
  const grant = grantOf('docs/a/**/*.md');
  const covered = (effect = place('a/x.md'), more = {}) => coversCall(grant, { ...asked(effect), ...more });
  expect(covered(place('a/b/y.md'))).toBe(true);
  // The same name in its other form.
  expect(covered(place('a/e\u0301.md', { realPath: '/home/u/docs/a/\u00e9.md' }))).toBe(true);
  expect(covered(place('b/y.md'))).toBe(false);
  expect(covered(place('a/y.txt'))).toBe(false);
  expect(covered(place('a/y.md', { realPath: '/home/u/docs/secret/y.md' }))).toBe(false);
  expect(covered(place('a/y.md', { realPath: '/elsewhere/docs/a/y.md' }))).toBe(false);
  expect(covered(place('a/y.md', { path: 'Docs/a/y.md' }))).toBe(false);
  expect(covered(place('a/y.md', { action: FileAction.DELETE }))).toBe(false);
  expect(covered(place('a/y.md', { toPath: 'docs/b/y.md', toRealPath: '/home/u/docs/b/y.md' }))).toBe(false);
  expect(covered(undefined, { method: 'bowline.capability.fs.v1.FsService/Delete' })).toBe(false);
  expect(covered(undefined, { entry: 'write docs/a' })).toBe(false);
  expect(covered(command(['lp']))).toBe(false);
});

test('a grant for a command lets only its placeholders differ, and nothing of what the other words mean', () => {
  const file = (path: string, n: number) => ({ path, sha256: new Uint8Array(32).fill(n) });
  const files = [file('/home/u/print.sh', 1), file('/home/u/a.pdf', 2)] as CommandEffect['files'];
  const shown = command(['lp', 'print.sh', '3', '/home/u/a.pdf'], { files });
  const grant = grantOf('lp print.sh {copies:1..9} {path}', shown);
  const covered = (argv: string[], more: Partial<CommandEffect> = {}) =>
    coversCall(grant, asked(command(argv, { files, ...more })));
  const other = [files[0], file('/home/u/b.pdf', 3)] as CommandEffect['files'];
  expect(covered(['lp', 'print.sh', '4', '/home/u/b.pdf'], { files: other })).toBe(true);
  expect(covered(['lp', 'print.sh', '10', '/home/u/a.pdf'])).toBe(false);
  expect(covered(['lp', 'print.sh', '3', '-o/home/u/a.pdf'])).toBe(false);
  expect(covered(['lp', 'other.sh', '3', '/home/u/a.pdf'])).toBe(false);
  expect(covered(['lp', 'print.sh', '3', '/home/u/a.pdf', 'more'])).toBe(false);
  const script = [file('/home/u/print.sh', 9), files[1]] as CommandEffect['files'];
  expect(covered(['lp', 'print.sh', '3', '/home/u/a.pdf'], { files: script })).toBe(false);
  // The script as the path, so that it would pass for the caller's own file.
  const alone = [file('/home/u/print.sh', 9)] as CommandEffect['files'];
  expect(covered(['lp', 'print.sh', '3', '/home/u/print.sh'], { files: alone })).toBe(false);
  const argv = ['lp', 'print.sh', '3', '/home/u/a.pdf'];
  for (const more of [
    { program: '/tmp/lp' },
    { programSha256: new Uint8Array(32).fill(2) },
    { cwd: '/tmp' },
    { env: ['A=2'] },
    { limits: [] },
    { stdinSha256: new Uint8Array(32) },
  ])
    expect(covered(argv, more)).toBe(false);
  expect(covered(argv, { stdin: '', noPreview: 'x' })).toBe(true);
  for (const pattern of ['{word} print.sh 3 {path}', 'lp print.sh {path}', 'lp * 3 {path}', 'rm print.sh 3 {path}', ''])
    expect([pattern, refusal(() => grantOf(pattern, shown))]).toEqual([pattern, 'GRANT_TOO_WIDE']);
});

test('time ends a grant for good: it does not come back with a clock that is set back, nor with a restart', async () => {
  const clock = new ManualClock();
  const fs = new MemoryFs();
  const open = () => openEdgeJournal('/j', { clock, log: silentLogger, onFatal: () => {}, fs });
  const journal = await open();
  const grants = new CallGrants({ journal, clock, log: silentLogger });
  const records = grants.minted([asked()], create(GrantWishSchema, { pattern: 'docs/**' }), 'box');
  await journal.append(records);
  const id = grants.covering(asked());
  expect(grants.list().map((grant) => grant.id)).toEqual([id]);
  clock.advance(24 * HOUR);
  expect([grants.covering(asked()), grants.holds(id!), grants.take(id!)]).toEqual([undefined, false, undefined]);
  await journal.append([{ case: 'cancel', value: { run: 'r' } }]);
  expect(journal.callGrants.get(id!)).toBe(undefined);
  grants.stop();
  await journal.close();
  const again = await open();
  expect(again.callGrants.list()).toEqual([]);
  await again.close();
});
