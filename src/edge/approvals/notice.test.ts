// The owner is told that something waits, and never more than the title.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Approval, ApprovalSchema, ApprovalState } from '../../../gen/bowline/approval/v1/approval_pb.ts';
import type { Logger } from '../../base/logger.ts';
import { ApprovalNotice, noticeWords } from './notice.ts';

const asked = (id: string, title = '整理笔记', state: ApprovalState = ApprovalState.PENDING): Approval =>
  create(ApprovalSchema, { id, title, state, reason: 'secret reason', effect: {} });

let folder: string;
let problems: unknown[];
const log = {
  warn: (_text: string, fields: { problem: string }) => problems.push(fields.problem),
} as unknown as Logger;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bowline-notice-'));
  problems = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A command that appends its words, one a line. */
const writes = () => ({
  command: ['sh', '-c', 'printf "%s\\n" "$@" >> "$0"', join(folder, 'told'), '{title} waits'],
  title: true,
});
const told = () => {
  try {
    return readFileSync(join(folder, 'told'), 'utf8').split('\n').filter(Boolean);
  } catch {
    return [];
  }
};

test('the title stands in quotation marks, short and harmless; switched off it is a run', () => {
  const command = ['notify-send', 'Bowline', '{title}', 'x{title}y'];
  const words = (title: string, on = true) => noticeWords({ command, title: on }, { title }).slice(2);
  expect(words('整理')).toEqual(['“整理”', 'x“整理”y']);
  expect(words('整理', false)).toEqual(['a run', 'xa runy']);
  expect(words('')).toEqual(['a run', 'xa runy']);
  expect(words('--help $(id) `id` $& {title}')[0]).toBe('“--help $(id) `id` $& {title}”');
  expect(words('\u202e\x1b[2J\n')[0]).toBe('“<U+202E>\\x1b[2J ”');
  expect([...(words('长'.repeat(500))[0] ?? '')]).toHaveLength(82);
});

test('each that begins to wait is told once; what begins while a notice is under way comes as one, the newest', async () => {
  const notice = new ApprovalNotice(writes, log);
  for (const id of ['a', 'b', 'c']) notice.changed(asked(id, id));
  notice.changed(asked('c', 'c'));
  await vi.waitFor(() => expect(told()).toEqual(['“a” waits', '“c” waits']));
  notice.changed(asked('c', 'c', ApprovalState.ALLOWED));
  notice.changed(asked('d', 'd'));
  await vi.waitFor(() => expect(told()).toEqual(['“a” waits', '“c” waits', '“d” waits']));
  expect(problems).toEqual([]);
});

test('a command that fails, is not there or hangs is logged and ended, and the next one runs', async () => {
  for (const command of [['sh', '-c', 'exit 3'], ['/nowhere/x'], ['sh', '-c', 'sleep 60 & wait']])
    new ApprovalNotice(() => ({ command, title: false }), log, 300).changed(asked('a'));
  await vi.waitFor(() => expect(problems).toHaveLength(3), { timeout: 5_000 });
  expect(problems).toEqual(
    expect.arrayContaining(['it ended with 3', 'it took longer than 300 ms', expect.stringContaining('ENOENT')]),
  );
});

test('after the stop nothing is told', async () => {
  const notice = new ApprovalNotice(writes, log);
  notice.stop();
  notice.changed(asked('a'));
  const other = new ApprovalNotice(writes, log);
  other.changed(asked('b', 'b'));
  await vi.waitFor(() => expect(told()).toEqual(['“b” waits']));
});
