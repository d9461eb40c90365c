import { expect, test } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { RedisCalls } from './redis-calls.ts';

const calls = (clock: ManualClock, waiting = 2) =>
  new RedisCalls(clock, 'QUEUE_UNAVAILABLE', { limitMs: 1_000, waiting });

test('a call that does not answer ends at its limit; what comes later goes to the one who can give it back', async () => {
  const clock = new ManualClock();
  const late: string[] = [];
  let answer: (text: string) => void = () => {};
  const result = calls(clock).run(
    () => new Promise<string>((resolve) => { answer = resolve; }), // biome-ignore format: short
    (text) => late.push(text),
  );
  const ended = expect(result).rejects.toMatchObject({ reason: 'QUEUE_UNAVAILABLE', retryable: true });
  clock.advance(1_000);
  await ended;
  expect(late).toEqual([]);
  answer('too late');
  await Promise.resolve();
  expect(late).toEqual(['too late']);
});

test('calls beyond the bound fail at once, and an end makes room', async () => {
  const limited = calls(new ManualClock());
  const answers: (() => void)[] = [];
  const hang = () => limited.run(() => new Promise<void>((resolve) => answers.push(resolve)));
  const [first] = [hang(), hang()];
  await expect(hang()).rejects.toMatchObject({ reason: 'QUEUE_UNAVAILABLE' });
  answers[0]!();
  await first;
  expect(await limited.run(async () => 'room')).toBe('room');
});

test('a failure of the driver becomes one of ours, with its cause', async () => {
  const cause = new Error('connect ECONNREFUSED 127.0.0.1:1');
  const run = calls(new ManualClock()).run(() => Promise.reject(cause));
  await expect(run).rejects.toMatchObject({ reason: 'QUEUE_UNAVAILABLE', cause, metadata: { problem: cause.message } });
});
