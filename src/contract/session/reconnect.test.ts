import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { Reconnect, type SessionEnded } from './reconnect.ts';

function start(random = () => 1) {
  const clock = new ManualClock();
  const reconnect = new Reconnect({ clock, baseMs: 100, capMs: 1_000, lastedMs: 500, random });
  /** One session; `stood` only if it was welcomed. */
  const session = (ended: SessionEnded, stood?: number) => {
    if (stood !== undefined) {
      reconnect.welcomed();
      clock.advance(stood);
    }
    return reconnect.waitMs(ended);
  };
  return { reconnect, session };
}

const lost: SessionEnded = { kind: 'lost' };

test('waits grow up to their cap while nothing lasts, also when sessions end right after their Welcome', () => {
  const { session, reconnect } = start();
  expect([1, 2, 3, 4, 5, 6].map(() => session(lost, 10))).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  expect(reconnect.failures).toBe(6);
});

test('a session that lasted was no failure; one that was never welcomed does not lend its time to the next', () => {
  const { session } = start();
  session(lost);
  session(lost);
  expect(session(lost, 500)).toBe(100);
  expect(session(lost)).toBe(200);
  expect(session(lost, 499)).toBe(400);
});

test('who is asked to move or to wait has not failed, and who is refused waits longer', () => {
  const { session } = start();
  expect(session(lost)).toBe(100);
  expect(session({ kind: 'moved', withinMs: 50 }, 10)).toBe(50);
  expect(session({ kind: 'told', ms: 1_000 })).toBe(1_250);
  expect(session(lost)).toBe(200);
  expect(session({ kind: 'refused', moreMs: 5_000 })).toBe(5_400);
});

test('who was taken by nobody that is there comes back soon, once', () => {
  const { session, reconnect } = start();
  const untaken: SessionEnded = { kind: 'untaken' };
  for (let failure = 0; failure < 5; failure++) session(lost);
  expect(session(untaken)).toBe(100);
  expect(reconnect.failures).toBe(5);
  expect(session(untaken)).toBe(1_000);
  expect(session(lost)).toBe(1_000);
  expect(session(untaken)).toBe(100);
});

test('whatever happens, no wait is longer than it may be, and random moments spread over all of it', () => {
  const ended: fc.Arbitrary<SessionEnded> = fc.oneof(
    fc.constant(lost),
    fc.constant({ kind: 'untaken' as const }),
    fc.record({ kind: fc.constant('refused' as const), moreMs: fc.constant(5_000) }),
    fc.record({ kind: fc.constant('moved' as const), withinMs: fc.constant(50) }),
  );
  fc.assert(
    fc.property(
      fc.array(fc.tuple(ended, fc.option(fc.nat(1_000), { nil: undefined })), { maxLength: 100 }),
      fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
      (sessions, random) => {
        const { session } = start(() => random.next().value);
        for (const [how, stood] of sessions) {
          const wait = session(how, stood);
          const most = how.kind === 'lost' || how.kind === 'untaken' ? 1_000 : how.kind === 'moved' ? 50 : 6_000;
          expect(wait).toBeGreaterThanOrEqual(how.kind === 'refused' ? 5_000 : 0);
          expect(wait).toBeLessThanOrEqual(most);
        }
      },
    ),
  );
});
