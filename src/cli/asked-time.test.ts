import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { v7 } from 'uuid';
import { expect, test } from 'vitest';
import { askedTime, waitedOnBox } from './asked-time.ts';

const TAKEN = Date.UTC(2026, 10, 30, 12);
const HOUR = 3_600_000;
const of = (id: string) => ({ id, createTime: timestampFromMs(TAKEN) });
const askedAt = (msecs: number) => of(v7({ msecs }));
const told = (run: ReturnType<typeof of>) => timestampMs(askedTime(run)!);

test('a run that waited on its box was asked when its id was made, not when it was taken', () => {
  expect(told(askedAt(TAKEN - HOUR))).toBe(TAKEN - HOUR);
  expect(waitedOnBox(askedAt(TAKEN - HOUR))).toBe(true);
  expect(waitedOnBox(askedAt(TAKEN - 100))).toBe(false);
});

test('a clock that is ahead or was never set is not believed, nor an id without a time', () => {
  for (const run of [askedAt(TAKEN + HOUR), askedAt(0), of('6f6d3f2a-1f0b-4c8e-9a55-0a1b2c3d4e5f'), of('r1')])
    expect(told(run)).toBe(TAKEN);
  expect(askedTime({ id: v7() })).toBeUndefined();
});
