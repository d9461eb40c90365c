import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ConnectionLine } from './connection-line.ts';

interface Connection {
  readonly n: number;
  destroyed: boolean;
}

function line() {
  const begun: number[] = [];
  const line = new ConnectionLine<Connection>(({ n }) => begun.push(n));
  const herd = Array.from({ length: 20 }, (_, n) => ({ n, destroyed: false }));
  return { begun, line, herd };
}
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);

test('few begin at once, the others a few in each turn, in the order in which they came, and whoever comes later behind them', async () => {
  const { begun, line: waiting, herd } = line();
  for (const connection of herd.slice(0, 19)) waiting.enter(connection);
  expect(begun).toEqual(upTo(8));
  expect(waiting.length).toBe(11);
  await nextTurn();
  expect(begun).toEqual(upTo(16));
  waiting.enter(herd[19]!);
  await nextTurn();
  expect(begun).toEqual(upTo(20));
  expect(waiting.length).toBe(0);
  await nextTurn();
  waiting.enter({ n: 20, destroyed: false });
  expect(begun).toEqual(upTo(21));
});

test('whoever ended in the line takes nobody’s place', async () => {
  const { begun, line: waiting, herd } = line();
  for (const connection of herd) waiting.enter(connection);
  for (const connection of herd.slice(8, 16)) connection.destroyed = true;
  await nextTurn();
  expect(begun).toEqual([...upTo(8), 16, 17, 18, 19]);
  expect(waiting.length).toBe(0);
});
