import pino from 'pino';
import { expect, test } from 'vitest';
import { AppError } from './errors.ts';
import logLines, { LogLines } from './log-lines.ts';

const collect = () => {
  const lines: string[] = [];
  return { lines, write: (line: string) => void lines.push(line) };
};

interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(bindings: object): Log;
}

function speak(log: Log): void {
  const cause = Object.assign(new Error('connect'), { code: 'ECONNREFUSED', errno: -111 });
  log.debug({ a: 1 }, 'debug');
  log.info({}, 'no fields');
  log.info({ text: 'ü "q" \n\u2028', number: 1.5, none: null, left: undefined, not: Number.NaN, yes: true }, 'fields');
  const child = log.child({ run: 'r1' });
  child.warn({ call: 'c1' }, 'of a child');
  child.child({ step: 2 }).error({}, 'of its child');
  log.error({ err: new AppError('CLOSED', { what: 'it' }, { cause }) }, 'with a cause');
  log.error({ err: new AggregateError([cause, new TypeError('two')], 'many') }, 'many');
  for (const thrown of ['a text', 7, null, { code: 1 }]) log.error({ err: thrown }, 'no error');
}

test.each(['debug', 'info', 'warn', 'error'])('at level %s the lines say what those of pino say', (level) => {
  const [ours, theirs] = [collect(), collect()];
  const base = { program: 'edge', pid: 1 };
  speak(logLines({ level, base }, ours));
  speak(pino({ level, base, timestamp: pino.stdTimeFunctions.isoTime }, theirs) as unknown as Log);
  const steady = (lines: string[]) =>
    lines.map((line) => {
      expect(line.endsWith('\n')).toBe(true);
      const { time, ...rest } = JSON.parse(line);
      expect(new Date(time).toISOString()).toBe(time);
      const stacks = JSON.stringify(rest).replaceAll(/speak \([^)]*\)/g, 'speak');
      // Called twice, from two lines of this test.
      return stacks.replaceAll(/\(?[^\s(]*log-lines\.test\.ts[^\s)"\\]*\)?/g, '');
    });
  expect(ours.lines.length).toBeGreaterThan(0);
  expect(steady(ours.lines)).toEqual(steady(theirs.lines));
});

test('an error that holds itself is told in one line and throws nothing', () => {
  const out = collect();
  const error = Object.assign(new Error('round'), { self: {} as object });
  error.self = { error: { error: error.self, deep: error } };
  Object.assign(error.self, { self: error.self });
  new LogLines({ level: 'info', base: {} }, out).error({ err: error }, 'broken');
  expect(out.lines).toHaveLength(1);
  expect(JSON.parse(out.lines[0] ?? '')).toMatchObject({ level: 50, msg: 'broken' });
});
