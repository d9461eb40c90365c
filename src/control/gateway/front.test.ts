import { createServer } from 'node:http2';
import { PassThrough } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { frontOf } from './front.ts';

test('of a herd, what begins and what waits is bounded: who comes last is sent away, and all others come in their turn', async () => {
  const warned: unknown[] = [];
  const front = frontOf({
    http2: createServer(),
    sign: () => new Uint8Array(64),
    beginMs: 1_000,
    maxBeginning: 20,
    clock: new ManualClock(),
    log: { ...silentLogger, warn: (...told) => void warned.push(told) },
  });
  const herd = Array.from({ length: 60 }, (_, remotePort) =>
    Object.assign(new PassThrough(), { remoteAddress: '127.0.0.1', remotePort }),
  );
  for (const socket of herd) front.emit('connection', socket);
  const left = () => herd.flatMap(({ destroyed }, n) => (destroyed ? [] : [n]));
  expect(left()).toEqual(herd.slice(0, 40).map(({ remotePort }) => remotePort));
  const limit = { limit: 20, setting: 'BOWLINE_MAX_STRANGERS' };
  expect(warned).toEqual(Array(20).fill(['a connection was ended: too many wait to begin', limit]));
  // None of them says anything: when the last has begun, those that began first have made room.
  for (let turn = 0; turn < 6; turn++) await nextTurn();
  expect(left()).toEqual(herd.slice(20, 40).map(({ remotePort }) => remotePort));
  expect(warned.slice(20)).toEqual(Array(20).fill(['a connection was ended: too many have not begun', limit]));
  for (const socket of herd) socket.destroy();
});
