import { expect, test } from 'vitest';
import { parseEdgeArgs } from './commands.ts';

const usage = (reason: string) => expect.objectContaining({ reason, exit: 2 });

test('the verb may stand behind global options; a second folder without its flag is told', () => {
  expect(parseEdgeArgs(['--home', '/h', 'edge', '--allow', 'a'], {})).toMatchObject({ home: '/h', allow: ['a'] });
  expect(parseEdgeArgs(['help', 'edge'], {})).toBe('help');
  expect(() => parseEdgeArgs(['edge', '--allow', 'a', 'b'], {})).toThrow(
    /`b` is no option; each folder has its own --allow/,
  );
});

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
    newJournal: false,
  });
  expect(parseEdgeArgs([], { BOWLINE_HOME: '/elsewhere' })).toMatchObject({ home: '/elsewhere', join: false });
  expect(parseEdgeArgs(['--new-journal'], {})).toMatchObject({ newJournal: true });
  expect(parseEdgeArgs(['--help'], {})).toBe('help');
});

test('what is wrong is said before anything starts', () => {
  expect(() => parseEdgeArgs(['--nonsense'], {})).toThrow(usage('USAGE'));
  expect(() => parseEdgeArgs(['word'], {})).toThrow(usage('USAGE'));
  expect(() => parseEdgeArgs(['--name', 'Not A Name'], {})).toThrow(usage('USAGE'));
  expect(() => parseEdgeArgs(['--log-level', 'loud'], {})).toThrow(usage('USAGE'));
  expect(() => parseEdgeArgs(['--control', 'http://example.org'], {})).toThrow(usage('INSECURE_CONTROL'));
});
