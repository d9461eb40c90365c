// The hole that tests have in the address policy is no larger than they need.
import { expect, test } from 'vitest';
import { LoopbackPolicy } from '../support/loopback-policy.ts';

test('in tests this machine is permitted on the named ports alone, and nothing beside it', () => {
  const local = new LoopbackPolicy([8123]);
  expect(local.permits('127.0.0.1', 8123)).toBe(true);
  expect([local.permits('127.0.0.1', 80), local.permits('127.0.0.2', 8123), local.permits('::1', 8123)]).toEqual([
    false,
    false,
    false,
  ]);
  expect(local.permits('8.8.8.8', 8123)).toBe(false);
});
