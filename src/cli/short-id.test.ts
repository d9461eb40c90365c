// Short ids: shown so that they differ, and understood.
import { expect, test } from 'vitest';
import { newId } from '../base/ids.ts';
import { shortIds, wholeId } from './short-id.ts';

test('ids of one moment are told apart by their ends, as short as that goes', () => {
  const ids = Array.from({ length: 200 }, newId);
  const short = shortIds(ids);
  expect(new Set(short.values()).size).toBe(200);
  expect([...short.values()].every((each) => each.length >= 8 && each.length <= 10)).toBe(true);
  const twins = ['01a22c0d-9df4-7268-83c8-a04fd414a31d', '01a22c0d-9df4-7268-83c8-b04fd414a31d'];
  expect([...shortIds(twins).values()]).toEqual(['a04fd414a31d', 'b04fd414a31d']);
  expect(shortIds(['run-1']).get('run-1')).toBe('run-1');
});

test('an end or a begin means the one id that has it; several are listed, with what they are about', async () => {
  const one = { id: '01a22c0d-9df4-7268-83c8-904fd414a31d', about: 'When?' };
  const two = { id: '01a22c0d-9a72-74cb-aff9-363f08e74f2e', about: 'Who?' };
  const list = async () => [one, two];
  expect(await wholeId('D414A31D', 'run', list)).toBe(one.id);
  expect(await wholeId('01a22c0d-9a', 'run', list)).toBe(two.id);
  await expect(wholeId('01a22c0d', 'run', list)).rejects.toThrow(
    /^01a22c0d means more than one run; type more of the id:\n {2}01a22c0d-9df4-\S+ {2}When\?\n {2}01a22c0d-9a72-\S+ {2}Who\?$/,
  );
});

test('what is whole, unknown or no part of an id is told to the other side as it is, mostly unasked', async () => {
  const never = () => Promise.reject(new Error('listed'));
  for (const typed of ['01a22c0d-9df4-7268-83c8-904fd414a31d', 'run-1', 'kitchen-pi', '', 'abc', '*'])
    expect(await wholeId(typed, 'run', never)).toBe(typed);
  expect(await wholeId('deadbeef', 'run', async () => [])).toBe('deadbeef');
});
