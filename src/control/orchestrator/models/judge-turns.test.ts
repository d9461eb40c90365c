// Judging what a model chose and said takes no turn that is too long, whatever the ask, the request and the answer are made of.
import { create, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { SearchResponseSchema } from '../../../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { withTurnWatch } from '../../../../test/support/turn-watch.ts';
import { maxAskBytes } from '../../../contract/ask-text.ts';
import type { FoldedRun } from '../run/state.ts';
import { sourcesOf } from './answer-sources.ts';
import { isNamed } from './named-address.ts';
import { standsWhole } from './own-words.ts';

const ASK = maxAskBytes();
const full = (one: string, letters = ASK) => one.repeat(Math.ceil(letters / one.length)).slice(0, letters);
const TEXTS = [
  'a',
  'a ',
  'a.b ',
  'http://a.b/%41%7e ',
  'a.',
  `a.b${'.'.repeat(60)} `,
  '图',
  '\u0301',
  '👩‍👩‍👧‍👦',
  '\u202eא ',
];

test('a value in the words of the owner', async () => {
  const values = [
    'a',
    'aa',
    full('a', ASK / 2),
    full('a', 1 << 20),
    `b${full('a', ASK / 2)}`,
    full('https://a.b/', 4_000),
  ];
  const inputs = TEXTS.flatMap((text) => values.map((value) => ({ text, value })));
  await withTurnWatch(
    inputs,
    ({ text, value }) => {
      for (let at = 0; at < 4; at++) isNamed(value, full(text), ['x.example']);
      for (let at = 0; at < 32; at++) standsWhole(value, full(text));
    },
    { name: ({ text, value }) => `${JSON.stringify(value.slice(0, 12))} (${value.length}) in ${JSON.stringify(text)}` },
  );
});

test('the names of found documents in an answer', async () => {
  const runOf = (names: readonly string[]) => {
    const passages = names.map((name) => ({ collection: 'c', document: name, title: `${name} title` }));
    const messages = [toBinary(SearchResponseSchema, create(SearchResponseSchema, { passages }))];
    const job = {
      method: 'bowline.capability.retrieval.v1.RetrievalService/Search',
      role: 'tool',
      result: { result: { case: 'done', value: { messages } } },
    };
    return { jobs: new Map(Array.from({ length: 8 }, (_, at) => [String(at), job])) } as unknown as FoldedRun;
  };
  const many = (one: (at: number) => string) => Array.from({ length: 300 }, (_, at) => one(at));
  const names = {
    'within longer words': many((at) => 'a'.repeat(4 + at)),
    'nearly there': many((at) => `b${'a'.repeat(500 + at)}`),
    absent: many((at) => `file-${at}.md`),
  };
  expect(sourcesOf(runOf(['notes.md']), 'It stands in notes.md.', [])).toHaveLength(1);
  await withTurnWatch(
    Object.keys(names) as (keyof typeof names)[],
    (name) => sourcesOf(runOf(names[name]), full('a', 4 << 20), []),
    { name: (name) => name },
  );
});
