// The rule for kinds of events between versions.
import { expect, test } from 'vitest';
import { ConversationEventSchema, RunEventSchema } from '../../../gen/bowline/event/v1/event_pb.ts';
import { EVENT_VERSION, versionNeeded } from './event-version.ts';

const kinds = [RunEventSchema, ConversationEventSchema].flatMap(({ oneofs }) =>
  oneofs.flatMap(({ fields }) => fields.map(({ localName }) => localName)),
);

test('every kind of event in the contract has a version, which this build knows', () => {
  expect(kinds.length).toBeGreaterThan(10);
  for (const kind of kinds) expect(versionNeeded([kind])).toBeLessThanOrEqual(EVENT_VERSION);
});

test('the newest kind of a commit decides; one that nobody has listed needs the newest version', () => {
  const since = { old: 0, newer: 2, newest: 3 };
  expect(versionNeeded([], since)).toBe(0);
  expect(versionNeeded(['old', 'old'], since)).toBe(0);
  expect(versionNeeded(['newer', 'newest', 'old'], since)).toBe(3);
  expect(versionNeeded(['not listed'], since)).toBe(EVENT_VERSION);
});
