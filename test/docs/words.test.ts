// The words: each is defined once, in one sentence that begins with the word, and those that a newcomer meets first are there.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const DEFINED = [...readFileSync('docs/words.md', 'utf8').matchAll(/^- \*\*([^*]+)\*\*: (.+(?:\n {2}.+)*)$/gm)].map(
  ([, word = '', sentence = '']) => ({ word: word.toLowerCase(), sentence: sentence.replaceAll(/\n\s+/g, ' ') }),
);
const words = DEFINED.map(({ word }) => word);

test('each word is defined once', () => {
  expect(words.filter((word, at) => words.indexOf(word) !== at)).toEqual([]);
});

test('each word is defined in one sentence', () => {
  const others = DEFINED.filter(({ sentence }) => !/^[^.!?]*(?:\.(?=\S)[^.!?]*)*\.$/.test(sentence));
  expect(others).toEqual([]);
});

test.each([
  ...['ask', 'session', 'replica', 'dispatch', 'lease', 'slot', 'frame', 'feed', 'signal', 'pool', 'tunnel', 'view'],
  ...['heartbeat', 'task line', 'presence', 'room', 'run', 'job', 'attempt', 'epoch', 'turn', 'key', 'token', 'grant'],
])('%s is defined', (word) => {
  expect(words).toContain(word);
});
