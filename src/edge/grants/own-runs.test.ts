import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { AskRecordSchema, RunAnsweredSchema } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { OwnRuns } from './own-runs.ts';

function runs(text: string): OwnRuns {
  const own = new OwnRuns();
  const value = create(AskRecordSchema, { event: { run: 'r', text }, grants: [{ id: 'g' }] });
  own.apply({ sequence: 1, at: 0, record: { case: 'ask', value } });
  return own;
}

test('words of the ask are allowed as whole words, in any script', () => {
  const own = runs('Wann beginnt die Übung in Zürich? 发布日期是哪一天?');
  const { allowed, foreign } = own.judgeTerms('r', [
    'Übung',
    'ZÜRICH',
    'die Übung',
    '日期',
    '发布日期',
    'bung',
    'Üb',
    'i',
    '期',
    ' die',
    'x',
  ]);
  expect(allowed).toEqual(['Übung', 'ZÜRICH', 'die Übung', '日期', '发布日期']);
  expect(foreign).toEqual(['bung', 'Üb', 'i', '期', ' die', 'x']);
});

test('twenty different words a run; a repeated one costs nothing', () => {
  const words = Array.from({ length: 22 }, (_, i) => `word${i}x`);
  const own = runs(words.join(' '));
  expect(own.judgeTerms('r', words.slice(0, 20)).allowed).toHaveLength(20);
  expect(own.judgeTerms('r', ['word0x', 'WORD1X', 'word20x'])).toMatchObject({
    allowed: ['word0x', 'WORD1X'],
    over: ['word20x'],
  });
});

test('a run that the edge did not start, or that has ended, has no words', () => {
  const own = runs('some words');
  expect(own.judgeTerms('mesh', ['words']).foreign).toEqual(['words']);
  expect(own.openGrants).toEqual(['g']);
  own.apply({ sequence: 2, at: 0, record: { case: 'runAnswered', value: create(RunAnsweredSchema, { run: 'r' }) } });
  expect(own.judgeTerms('r', ['words']).foreign).toEqual(['words']);
});
