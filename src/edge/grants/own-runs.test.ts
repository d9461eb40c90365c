import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { AskRecordSchema, RunAnsweredSchema } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { OwnRuns } from './own-runs.ts';

function runs(text: string): OwnRuns {
  const own = new OwnRuns();
  const value = create(AskRecordSchema, { ask: { run: 'r', text }, grants: [{ id: 'g' }] });
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
  expect(allowed.map(({ term }) => term)).toEqual(['Übung', 'ZÜRICH', 'die Übung', '日期', '发布日期']);
  expect(foreign).toEqual(['bung', 'Üb', 'i', '期', ' die', 'x']);
});

test.each([
  ['哪些文件提到了王芳?', '王芳', ['王芳']],
  ['谁提到李伟', '李伟', ['李伟']],
  ['关于马塔的笔记', '马塔', ['马塔']],
  ['刘慈欣写了什么', '刘慈欣', ['刘慈', '慈欣']],
  ['五月的电费', '电费', ['电费']],
])('a Chinese name of lone characters is a word of the ask: %s', (text, term, words) => {
  expect(runs(text).judgeTerms('r', [term])).toEqual({ allowed: [{ term, words }], foreign: [], over: [] });
  expect(runs(text).judgeTerms('r', [term.slice(0, 1), '赵云']).allowed).toEqual([]);
});

test('pairs of characters have room only beside the words, and never more than twenty in all', () => {
  const words = Array.from({ length: 19 }, (_, i) => `word${i}x`);
  const own = runs(`${words.join(' ')} 李伟 王芳`);
  const { allowed, over } = own.judgeTerms('r', [...words, '李伟', '王芳']);
  expect(allowed).toHaveLength(20);
  expect(over).toEqual(['王芳']);
});

test('twenty words of an ask may be searched for, the same ones in every call and after every restart', () => {
  const words = Array.from({ length: 22 }, (_, i) => `word${i}x`);
  const first = runs(words.join(' ')).judgeTerms('r', words);
  expect(first.allowed).toHaveLength(20);
  expect(first.over).toHaveLength(2);
  const again = runs(words.join(' '));
  for (let call = 0; call < 3; call++)
    expect(again.judgeTerms('r', words.toReversed()).over.toSorted()).toEqual(first.over.toSorted());
  expect(again.judgeTerms('r', ['WORD10X']).allowed).toEqual([{ term: 'WORD10X', words: ['word10x'] }]);
});

test('a phrase is searched for by its words, so that it asks no more than they do', () => {
  const own = runs('Does the launch date, or the 发布日期, stand in it?');
  expect(own.judgeTerms('r', ['launch date', '发布日期', 'a launch']).allowed).toEqual([
    { term: 'launch date', words: ['launch', 'date'] },
    { term: '发布日期', words: ['发布', '日期'] },
  ]);
});

test('an ask of combining marks or without spaces is cut into words in linear time', () => {
  for (const text of [`a${'\u0301\u0316'.repeat(30_000)}`, 'ก'.repeat(60_000), '\u0b95\u0bcd'.repeat(30_000)]) {
    const began = performance.now();
    runs(text).judgeTerms('r', [text.slice(0, 200), 'a']);
    expect(performance.now() - began).toBeLessThan(2_000);
  }
});

test('a run that the edge did not start, or that has ended, has no words', () => {
  const own = runs('some words');
  expect(own.judgeTerms('mesh', ['words']).foreign).toEqual(['words']);
  expect(own.openGrants).toEqual(['g']);
  own.apply({ sequence: 2, at: 0, record: { case: 'runAnswered', value: create(RunAnsweredSchema, { run: 'r' }) } });
  expect(own.judgeTerms('r', ['words']).foreign).toEqual(['words']);
});
