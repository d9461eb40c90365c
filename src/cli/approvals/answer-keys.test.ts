// Which keys are an answer: pressed alone, after the question stood there in silence.
import { EventEmitter } from 'node:events';
import { create } from '@bufbuild/protobuf';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  type Approval,
  ApprovalSchema,
  ApprovalScope,
  ApprovalState,
  EffectSchema,
} from '../../../gen/bowline/approval/v1/approval_pb.ts';
import { Taint } from '../../../gen/bowline/policy/v1/options_pb.ts';
import { widthOf } from '../../base/text-columns.ts';
import type { CliIo } from '../io.ts';
import { AnswerKeys } from './answer-keys.ts';
import { type AskedStep, choiceOf, keyLines, keyWords, questionLine } from './choice.ts';
import { KeyFilter } from './key-filter.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

class Keyboard extends EventEmitter {
  readonly isTTY = true;
  raw = false;
  setRawMode(on: boolean): void {
    this.raw = on;
  }
  resume(): this {
    return this;
  }
  pause(): this {
    return this;
  }
}

function keyboard() {
  const stdin = new Keyboard();
  let written = '';
  const stderr = { isTTY: true, write: (text: string) => (written += text) };
  const keys = new AnswerKeys({ stdin, stderr } as unknown as CliIo);
  return { stdin, keys, press: (piece: string) => void stdin.emit('data', piece), written: () => written };
}

const settled = async (promise: Promise<unknown>) => {
  let value: unknown;
  void promise.then((found) => (value = found));
  await vi.advanceTimersByTimeAsync(0);
  return value;
};

test('a question is asked after a silence; whoever types on is not asked', async () => {
  const { keys, press, stdin } = keyboard();
  const silence = keys.silence(new AbortController().signal);
  for (let i = 0; i < 20; i++) {
    press('y');
    await vi.advanceTimersByTimeAsync(300);
    expect(await settled(silence)).toBeUndefined();
  }
  await vi.advanceTimersByTimeAsync(200);
  expect(await settled(silence)).toBe('silent');
  const next = keys.next(new AbortController().signal);
  expect(await settled(next)).toBeUndefined();
  press('y');
  expect(await settled(next)).toEqual({ key: 'y' });
  // Nobody listens while an answer is on its way.
  press('y');
  const after = keys.next(new AbortController().signal);
  expect(await settled(after)).toBeUndefined();
  expect(stdin.raw).toBe(true);
});

test('what changes meanwhile ends the wait, and Ctrl-C leaves in silence too; the keyboard is given back as it was', async () => {
  const { keys, press, stdin, written } = keyboard();
  const changed = new AbortController();
  const next = keys.next(changed.signal);
  changed.abort();
  expect(await settled(next)).toBe('changed');
  expect(await settled(keys.next(changed.signal))).toBe('changed');
  const silence = keys.silence(new AbortController().signal);
  press('\x03');
  expect(await settled(silence)).toBe('leave');
  const gone = keys.next(new AbortController().signal);
  stdin.emit('end');
  expect(await settled(gone)).toBe('leave');
  keys.giveBack();
  expect([stdin.raw, stdin.listenerCount('data'), written()]).toEqual([false, 0, '\x1b[?2004h\x1b[?2004l']);
});

test.each([
  [['y'], { key: 'y' }],
  [['Y'], { key: 'y' }],
  [['\r'], { key: 'enter' }],
  [['好'], { key: '好' }],
  [['yy'], 'none'],
  [['yes\r'], 'none'],
  [['\x1b[A'], 'none'],
  [['\x1b[200~y\x1b[201~'], 'none'],
  [['\x1b[200~x', 'y', 'y\x1b[201~'], 'none'],
  [['\x1b[200~x', '\x1b[201~', 'y'], { key: 'y' }],
  [['\x1b[200~\x03\x1b[201~'], 'none'],
  [['yy\x03'], 'leave'],
  [['\x04'], 'leave'],
])('of %j the last is %j', (pieces, last) => {
  const filter = new KeyFilter();
  expect(pieces.map((piece) => filter.take(piece)).at(-1)).toEqual(last);
});

const waiting = (n: number, more: Partial<Approval> = {}): Approval => ({
  ...create(ApprovalSchema, {
    id: `id-${n}`,
    state: ApprovalState.PENDING,
    effect: { effect: { case: 'command', value: { argv: ['git', 'push'] } } },
  }),
  ...more,
});
const step = (...all: Approval[]): AskedStep => ({ first: all[0]!, waiting: all, number: 1, all: all.length });

test('only y, a and r are a yes, and only where what happens can be shown', () => {
  const two = step(waiting(1), waiting(2));
  const answers = [...'abcdefghijklmnopqrstuvwxyz1 ?!是'].map((key) => [key, choiceOf(key, two)] as const);
  const yes = answers.filter(([, choice]) => choice.is === 'answer' && choice.allow).map(([key]) => key);
  expect(yes).toEqual(['a', 'r', 'y']);
  expect(choiceOf('enter', two)).toMatchObject({ allow: false, which: [{ id: 'id-1' }] });
  expect(choiceOf('d', two)).toMatchObject({ allow: false, which: [{ id: 'id-1' }, { id: 'id-2' }] });
  expect(choiceOf('r', two)).toMatchObject({ allow: true, which: [{ id: 'id-1' }], scope: ApprovalScope.RUN });
  const unknown = step(waiting(1), create(ApprovalSchema, { id: 'x', state: ApprovalState.PENDING }));
  expect([choiceOf('a', unknown).is, choiceOf('y', unknown).is]).toEqual(['nothing', 'answer']);
  const foreign = step(waiting(1, { taints: [Taint.UNTRUSTED] }));
  expect(choiceOf('r', foreign)).toEqual({ is: 'nothing' });
});

test('the prompt offers what can be answered, in one line; ? says what the keys mean', () => {
  expect(questionLine(step(waiting(1)), 80)).toBe('allow run git push? [y/N/r/w/?] ');
  expect(questionLine(step(waiting(1), waiting(2)), 80)).toBe('allow 1 of 2, run git push? [y/N/a/d/r/w/?] ');
  expect(questionLine(step(create(ApprovalSchema, { id: 'x' })), 80)).toContain('? [N/w/?] ');
  const long = waiting(1, {
    effect: create(EffectSchema, { effect: { case: 'command', value: { argv: ['长'.repeat(300)] } } }),
  });
  // Behind it stands the answer, which must not wrap.
  for (const columns of [50, 80, 120])
    expect(widthOf(`${questionLine(step(long), columns)}yes`), `${columns}`).toBeLessThan(columns);
  const help = keyLines(step(waiting(1)), 40, {});
  expect(Math.max(...help.map(widthOf))).toBeLessThanOrEqual(40);
  expect(help.join(' ').replace(/ +/g, ' ')).toBe(
    keyWords(step(waiting(1)))
      .join(' ')
      .replace(/ +/g, ' '),
  );
  expect(keyWords(step(waiting(1)))).toHaveLength(6);
  // Also where a line ends within the command.
  const called = { BOWLINE_CALLED_AS: './bowline' };
  for (let columns = 30; columns < 60; columns++)
    expect(keyLines(step(waiting(1)), columns, called).join('\n'), String(columns)).not.toMatch(/`bowline/);
});
