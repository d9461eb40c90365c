// The edge's Headers must do what the platform's do.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Headers as Compact } from './headers.ts';

const name = fc.oneof(
  fc.constantFrom(
    'a',
    'A',
    'b-bin',
    'Content-Type',
    'set-cookie',
    'Set-Cookie',
    '',
    'with space',
    'é',
    'a\n',
    '__proto__',
  ),
  fc.string({ maxLength: 4 }),
);
const value = fc.oneof(
  fc.constantFrom('1', ' 2\t', 'x, y', '', 'a\nb', 'a\0', '\r\n', 'é', '中', 'two words', '\u00a0x\u00a0', '\va\f'),
  fc.string({ maxLength: 5 }),
);
const operation = fc.oneof(
  fc.tuple(fc.constant('append' as const), name, value),
  fc.tuple(fc.constant('set' as const), name, value),
  fc.tuple(fc.constant('get' as const), name, value),
  fc.tuple(fc.constant('has' as const), name, value),
  fc.tuple(fc.constant('delete' as const), name, value),
);

type Used = Pick<Headers, 'append' | 'set' | 'get' | 'has' | 'delete' | 'getSetCookie' | 'forEach' | 'entries'>;

function trace(headers: Used, operations: readonly (readonly [keyof Used, string, string])[]): unknown[] {
  const seen = operations.map(([what, key, text]) =>
    attempt(() => (headers[what] as (...a: string[]) => unknown)(key, text)),
  );
  for (const [key, text] of forEach(headers)) seen.push([key, text]);
  return [...seen, [...headers.entries()], headers.getSetCookie()];
}

function forEach(headers: Used): [string, string][] {
  const seen: [string, string][] = [];
  headers.forEach((text, key) => void seen.push([key, text]));
  return seen;
}

function attempt(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    return error instanceof TypeError ? 'refused' : error;
  }
}

test('any operations give what the platform gives', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 12 }), (operations) => {
      const bound = (headers: Used) =>
        Object.fromEntries(
          (['append', 'set', 'get', 'has', 'delete', 'getSetCookie', 'forEach', 'entries'] as const).map((key) => [
            key,
            (headers[key] as (...a: never[]) => unknown).bind(headers),
          ]),
        ) as unknown as Used;
      expect(trace(bound(new Compact()), operations)).toEqual(trace(bound(new Headers()), operations));
    }),
    { numRuns: 500 },
  );
});

test('it is made from pairs, from a record, and from either kind of headers', () => {
  for (const init of [
    undefined,
    [
      ['B', '1'],
      ['a', '2'],
      ['b', '3'],
    ],
    { B: '1', a: '2' },
    new Headers({ x: 'y' }),
    new Compact({ x: 'y' }),
  ] as const) {
    const expected = new Headers(
      init instanceof Compact ? [...init] : (init as ConstructorParameters<typeof Headers>[0]),
    );
    expect([...new Compact(init as never)]).toEqual([...expected]);
    expect([...new Headers([...new Compact(init as never)])]).toEqual([...expected]);
  }
  expect(() => new Compact([['one']])).toThrow(TypeError);
  expect(() => new Compact([['a', 'b', 'c']])).toThrow(TypeError);
});
