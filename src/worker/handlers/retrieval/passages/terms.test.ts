import { expect, test } from 'vitest';
import { documentTerms, queryTerms } from './terms.ts';
import { wordVector } from './word-vector.ts';

const terms = (text: string) => [...documentTerms(text)];
const asked = (text: string) => queryTerms(text, 64).map(({ term, prefix }) => (prefix ? `${term}*` : term));

test('Chinese is indexed by pairs, and every letter begins a term', () => {
  expect(terms('中文检索')).toEqual(['中文', '文检', '检索', '索']);
  expect(asked('检索')).toEqual(['检索']);
  expect(asked('索')).toEqual(['索*']);
  expect(asked('你好，世界')).toEqual(['你好', '世界']);
});

test('scripts are told apart inside a word', () => {
  expect(terms('使用Redis缓存')).toEqual(['使用', '用', 'redi', '缓存', '存']);
  expect(asked('Redis缓存')).toEqual(['redi', '缓存']);
  expect(terms('東京タワー')).toContain('タワ');
});

test('names of programs are found whole and by their parts', () => {
  expect(terms('BOWLINE_DB_CONNECTIONS')).toEqual(['bowline_db_connections', 'bowline', 'db', 'connection']);
  expect(terms('openDatabase')).toEqual(['opendatabase', 'open', 'database']);
  expect(terms('config.yaml.')).toEqual(['config.yaml', 'config', 'yaml']);
});

test('case, accents, width and the plural do not part', () => {
  for (const [one, other] of [
    ['Backups', 'backup'],
    ['Café', 'cafe'],
    ['ＡＢＣ', 'abc'],
    ['queries', 'query'],
    ['Straße', 'straße'],
    ['ﬁle', 'file'],
    ['IŞIK', 'ışık'],
    ['İSTANBUL', 'istanbul'],
    ['ILIMAN', 'ılıman'],
  ] as const) {
    expect(terms(one)).toEqual(terms(other));
  }
  expect(terms('status class yes')).toEqual(['status', 'class', 'yes']);
  // The mark of a Japanese letter is no accent.
  expect(terms('が')).not.toEqual(terms('か'));
});

test('a query has a bound, and says each term once', () => {
  expect(queryTerms('w x w y z', 3).map(({ term }) => term)).toEqual(['w', 'x', 'y']);
});

test('a word counts more where it is frequent, and less in a long passage', () => {
  const weight = (text: string) => /'c:x':1(\w)/.exec(wordVector('c:', [text]))?.[1];
  expect(weight('x y')).toBe('B');
  expect(weight('x x x x x x')).toBe('A');
  expect(weight(`x ${'word '.repeat(600)}`)).toBe('D');
});

test('words that only ask are left out, unless a query has no others', () => {
  expect(asked('How does this backup work?')).toEqual(['backup', 'work']);
  expect(asked('什么时候备份？')).toEqual(['时候', '候备', '备份']);
  expect(asked('to be or not to be')).toEqual(['to', 'be', 'or', 'not']);
});
