// Judging the terms of a search by the words of an ask takes no turn that is too long, whatever both are made of.
import { expect, test } from 'vitest';
import { withTurnWatch } from '../../../test/support/turn-watch.ts';
import { maxAskBytes } from '../../contract/ask-text.ts';
import type { Entry } from '../journal/records.ts';
import { OwnRuns } from './own-runs.ts';

const full = (one: string) => one.repeat(maxAskBytes() / one.length);
const asked = (text: string): OwnRuns => {
  const runs = new OwnRuns();
  runs.apply({ record: { case: 'ask', value: { grants: [], ask: { run: 'r', text } } } } as unknown as Entry);
  return runs;
};

test('terms of any length, in texts of one word, of many, and of scripts without spaces', async () => {
  const inputs = ['a', 'a ', 'ab cd ', '图', '図書', 'ก', '\u0301', '👩‍👩‍👧‍👦 ', '\u202eאב '].flatMap((one) =>
    [1, 2, 50, 4_000].map((step) => ({ one, step, runs: asked(full(one)) })),
  );
  await withTurnWatch(
    inputs,
    ({ one, step, runs }) => {
      const terms = Array.from({ length: 20 }, (_, at) => full(one).slice(at, at + 1 + ((step * (at + 1)) % 8_000)));
      runs.judgeTerms('r', terms);
    },
    { name: ({ one, step }) => `${JSON.stringify(one)} by ${step}` },
  );
});

test('a term is still as many whole words as it holds', () => {
  const runs = asked('Where did Maria Schmidt put the a b lease of Maria?');
  const { allowed, foreign } = runs.judgeTerms('r', [
    'Maria Schmidt',
    'put the a b lease',
    'aria',
    'a b',
    'schmidt put th',
    'Maria?',
  ]);
  expect(allowed.map(({ words }) => words)).toEqual([
    ['maria', 'schmidt'],
    ['put', 'the', 'lease'],
  ]);
  expect(foreign).toEqual(['aria', 'a b', 'schmidt put th', 'Maria?']);
});
