// The built-in vectors: always of length 1, the same for the same text however it is written, and near where letters are.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LEXICAL_DIMENSION, LEXICAL_MODEL, lexicalVector } from './lexical-vector.ts';

const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, at) => sum + value * b[at]!, 0);
const bytes = (vector: Float32Array): Buffer => Buffer.from(vector.buffer);
const similarity = (a: string, b: string): number => dot(lexicalVector(a), lexicalVector(b));

test('every text has a vector of length 1, whatever it is made of, and always the same', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      const vector = lexicalVector(text);
      expect(vector.length).toBe(LEXICAL_DIMENSION);
      expect(vector.every(Number.isFinite)).toBe(true);
      expect(dot(vector, vector)).toBeCloseTo(1, 5);
      expect(Buffer.compare(bytes(lexicalVector(text)), bytes(vector))).toBe(0);
    }),
  );
  for (const text of ['', ' ', '!', '🎉', '\u0000', '\ud800'])
    expect(dot(lexicalVector(text), lexicalVector(text))).toBeCloseTo(1, 5);
});

test('the vectors of this version never change: a new algorithm needs a new name', () => {
  expect(LEXICAL_MODEL).toBe('char-ngrams-1024-v1');
  const told = (text: string) =>
    [...lexicalVector(text).entries()]
      .flatMap(([at, value]) => (value === 0 ? [] : [`${at}:${value.toFixed(3)}`]))
      .join(' ');
  expect(told('Bowline')).toMatchInlineSnapshot(
    `"14:-0.229 66:0.229 169:0.229 185:0.229 399:0.229 414:-0.229 431:-0.229 623:-0.229 663:-0.229 667:0.229 752:0.229 766:0.229 798:0.229 802:-0.229 803:-0.229 828:0.229 849:0.229 952:0.229 1001:-0.229"`,
  );
  expect(told('绳结')).toMatchInlineSnapshot(`"339:0.577 750:0.577 981:0.577"`);
});

test('capitals, full width, ligatures and composed letters make no difference', () => {
  for (const [a, b] of [
    ['The Launch DATE', 'the launch date'],
    ['ｌａｕｎｃｈ　２０２６', 'launch 2026'],
    ['oﬃce', 'office'],
    ['Cafe\u0301', 'café'],
    ['STRASSE', 'straße'],
    ['ΟΔΟΣ', 'οδός'.normalize('NFD').replace('\u0301', '')],
    ['a, b;  c!', 'a b c'],
  ] as const) {
    expect(lexicalVector(a), `${a} ${b}`).toEqual(lexicalVector(b));
  }
});

test('what a text repeats does not outshout the rest of it', () => {
  const spam = `${'rope '.repeat(200)} anchor`;
  expect(similarity(spam, 'anchor')).toBeGreaterThan(0.1);
  expect(similarity('walked slowly', 'walking slow')).toBeGreaterThan(0.3);
  expect(Math.abs(similarity('completely different', 'nothing alike here'))).toBeLessThan(0.2);
});

/** Texts, each with a question in other words. Of several languages, so that none is served at the expense of another. */
const PAIRS: readonly (readonly [string, string])[] = [
  ['A join token is valid for ten minutes and can be used once.', 'how long are join tokens valid'],
  ['The journal is synced to the disk before anything is promised.', 'when does the journal sync to disk'],
  ['Wiping Redis loses nothing; the outbox in Postgres adds it again.', 'what is lost if redis was wiped'],
  ['A worker drains on SIGTERM and hands its jobs back.', 'draining of workers, jobs handed back'],
  ['Budgets are settled when a job has ended.', 'when is the budget of a job settled'],
  ['Keys are read from files with mode 0600 only.', 'which file mode do keys need'],
  ['Der Zug nach Hamburg fährt um acht Uhr auf Gleis drei ab.', 'wann fährt der Zug nach Hamburg'],
  ['Die Rechnung ist innerhalb von dreißig Tagen zu bezahlen.', 'bis wann muss ich Rechnungen bezahlen'],
  ['Le musée est fermé le lundi et les jours fériés.', 'quels jours le musée ferme-t-il'],
  ['El contrato de alquiler termina en septiembre.', 'cuándo terminan los contratos de alquiler'],
  ['Поезд в Москву отправляется вечером.', 'когда отправление поезда на Москву'],
  ['会議は水曜日の午後三時に始まります。', '会議はいつ始まるの'],
  ['도서관은 월요일에 문을 닫습니다.', '도서관이 닫는 요일'],
  ['产品的正式发布日期定在明年四月十五日。', '发布日期是哪天'],
  ['孩子发烧超过三十八度五时应该及时看医生。', '孩子发高烧怎么办'],
  ['公司规定员工每年有十天带薪年假。', '员工有多少天年假'],
  ['图书馆周一闭馆，其余时间早上九点开门。', '图书馆几点开门'],
  ['沙箱里没有网络，也看不到主机上的文件。', '沙箱能不能上网'],
];

test('a question in other words finds its text among the others, in each language', () => {
  const texts = PAIRS.map(([text]) => lexicalVector(text));
  for (const [at, [text, question]] of PAIRS.entries()) {
    const asked = lexicalVector(question);
    const scores = texts.map((vector) => dot(vector, asked));
    const better = scores.filter((score) => score > scores[at]!).length;
    expect(better, `${question} -> ${text}`).toBe(0);
  }
});
