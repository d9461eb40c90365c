// What a line of the ledger is about, as people read it.
import { expect, test } from 'vitest';
import { egressName } from './egress-text.ts';

test.each([
  ['ask.text', '(the ask)'],
  ['user_event.text', '(the ask)'],
  ['user_event.shares.files.path', '(the ask)'],
  ['device.name', '(this device)'],
  ['asked', '(this device)'],
])('a line without a path: %s is about %s', (field, name) => {
  expect(egressName({ path: '', field })).toBe(name);
});

test('a line with a path is about that', () => {
  expect(egressName({ path: 'notes/launch.md', field: 'text' })).toBe('notes/launch.md');
});
