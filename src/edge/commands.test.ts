import { expect, test } from 'vitest';
import { parseEdgeArgs } from './commands.ts';

const usage = (reason: string) => expect.objectContaining({ reason, exit: 2 });

test('flags become options; a leading verb is skipped', () => {
  expect(
    parseEdgeArgs(['edge', '--home', '/h', '--allow', 'a', '--allow', 'b', '--join', '--name', 'pi'], {}),
  ).toMatchObject({
    home: '/h',
    allow: ['a', 'b'],
    join: true,
    name: 'pi',
    control: undefined,
    withParent: false,
  });
  expect(parseEdgeArgs([], { BOWLINE_HOME: '/elsewhere' })).toMatchObject({ home: '/elsewhere', join: false });
  expect(parseEdgeArgs(['--help'], {})).toBe('help');
});

test('what is wrong is said before anything starts', () => {
  expect(() => parseEdgeArgs(['--nonsense'], {})).toThrow(usage('USAGE'));
  expect(() => parseEdgeArgs(['word'], {})).toThrow(usage('USAGE'));
  expect(() => parseEdgeArgs(['--name', 'Not A Name'], {})).toThrow(usage('USAGE'));
  expect(() => parseEdgeArgs(['--log-level', 'loud'], {})).toThrow(usage('USAGE'));
  expect(() => parseEdgeArgs(['--control', 'http://example.org'], {})).toThrow(usage('INSECURE_CONTROL'));
});
