import { expect, test } from 'vitest';
import { scoreArticle, scoreLetters, scoreWords } from '../../bench/src/harness/document-score.ts';

test('an article is judged by runs of four words, each as often as it stands in both', () => {
  expect(scoreArticle('a b c d e', 'a b c d e')).toEqual({ found: 1, precision: 1 });
  expect(scoreArticle('a b c d e', 'a b c d')).toEqual({ found: 0.5, precision: 1 });
  expect(scoreArticle('a b c d', 'a b c d a b c d')).toEqual({ found: 1, precision: 0.2 });
  expect(scoreArticle('a b', 'A')).toEqual({ found: 0, precision: 0 });
  expect(scoreArticle('a b', '')).toEqual({ found: 0, precision: undefined });
});

test('signs of Markdown and where links lead are no words of an article', () => {
  expect(scoreArticle('one two_three four', '**one** [two\\_three](https://a.example/x) four').precision).toBe(1);
});

test('a PDF is judged by its letters, whatever their order and form', () => {
  expect(scoreLetters('office 12', '12 o\ufb03ce')).toEqual({ found: 1, precision: 1 });
  expect(scoreLetters('aabb', 'ab')).toEqual({ found: 0.5, precision: 1 });
});

test('words of a PDF that grew together are not found', () => {
  expect(scoreWords('in an unused credit', 'in anunused credit').found).toBe(0.5);
});
