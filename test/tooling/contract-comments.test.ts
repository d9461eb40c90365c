// Every comment of a contract says more than the name below it: units, bounds, defaults, who sets it. Whoever reads a contract has
// nothing else.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from './workspace.ts';

/** Words that tell nothing beside a name. */
const FILLERS = new Set([
  'a',
  'an',
  'the',
  'its',
  'of',
  'this',
  'that',
  'it',
  'one',
  'and',
  'is',
  'was',
  'in',
  'for',
  'to',
]);

const stem = (word: string): string => word.toLowerCase().replace(/(ies|es|s)$/, '');

/** Comments that say no more than the name of what stands below them, as `what: comment`. */
function emptyComments(text: string): string[] {
  const found: string[] = [];
  let comment: string[] = [];
  let around = '';
  for (const line of text.split('\n').map((each) => each.trim())) {
    if (line.startsWith('//')) {
      comment.push(line.slice(2).trim());
      continue;
    }
    const [, kind, name] =
      /^(message|enum|service|oneof|rpc) (\w+)/.exec(line) ??
      /^(?:repeated )?(map<[^>]*>|[\w.]+) (\w+) = \d/.exec(line) ??
      [];
    const [, value] = /^([A-Z][A-Z0-9_]*) = \d/.exec(line) ?? [];
    const named = value ?? name;
    const said = comment.join(' ');
    // `Request of Read.` says which method it belongs to.
    if (named && comment.length > 0 && !/^(Request|Response) of \w+\.$/.test(said)) {
      // The name, the type beside it, and for a value of an enum that enum.
      const known = new Set(
        [named, value ? '' : (kind ?? '').split('.').at(-1)!, value ? around : '']
          .flatMap((each) => each.split(/_|(?<=[a-z0-9])(?=[A-Z])/))
          .filter((each) => each !== '')
          .map(stem),
      );
      const words = said.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== '' && !FILLERS.has(word.toLowerCase()));
      const tellsNothing = words.every((word) => known.has(stem(word))) || said.split(/\s+/).length <= 2;
      if (tellsNothing) found.push(`${named}: ${said}`);
    }
    if (/^(message|enum) /.test(line)) around = name ?? '';
    if (line !== '') comment = [];
  }
  return found;
}

test('every comment says more than the name', () => {
  const paths = readdirSync(join(ROOT, 'proto'), { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.proto'),
  );
  expect(paths.length).toBeGreaterThan(20);
  const empty = paths.flatMap((path) =>
    emptyComments(readFileSync(join(ROOT, 'proto', path), 'utf8')).map((each) => `${path} ${each}`),
  );
  expect(empty).toEqual([]);
  const planted = `// A run.
message Run {
  // The id of the run.
  string run_id = 1;
  // Attempt.
  uint64 epoch = 2;
  // Which conversation it belongs to; empty for a call.
  string conversation = 3;
  // State of the run.
  RunState state = 4;
}
`;
  expect(emptyComments(planted)).toEqual([
    'Run: A run.',
    'run_id: The id of the run.',
    'epoch: Attempt.',
    'state: State of the run.',
  ]);
});
