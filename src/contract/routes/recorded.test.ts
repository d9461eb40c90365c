import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { recordedText } from '../../../scripts/recorded-routes.ts';
import { recordedSet, scoreSet } from './recorded.ts';
import { routeRules } from './rules.ts';

const EXAMPLES = join(import.meta.dirname, '../../../examples/routes');
const example = (name: string) => readFileSync(join(EXAMPLES, name), 'utf8');

test('the recorded set is what its error model gives, and comes to the figures of docs/benchmarks.md', () => {
  expect(example('recorded.jsonl')).toBe(recordedText());
  const set = recordedSet(example('recorded.jsonl'));
  const scores = scoreSet(set, routeRules('routes.yaml', example('routes.yaml')));
  expect(scores.map(({ name, right, cases, micros }) => [name, right, cases, micros])).toEqual([
    ['always small', 169, 240, 4608],
    ['always large', 228, 240, 95825],
    ['by the rules', 215, 240, 32948],
  ]);
  expect(scores[2]?.escalations).toEqual({ confidence: 51, timeout: 12, check: 5, schema: 4 });
});

const used = { input_tokens: 10, output_tokens: 0, ms: 100 };
const one = (small: object, large: object = { end: 'whole', text: 'B', ...used }) =>
  `{"about":"x","prices":{"small":{"input":1,"output":0},"large":{"input":10,"output":0}}}
${JSON.stringify({ id: '一', question: '问', expected: 'b', tiers: { small: { ...used, ...small }, large } })}`;
const rules = (more = '') =>
  routeRules(
    'r.yaml',
    `tiers:\n  - { name: small, escalate: { below: 0.6, after_seconds: 1 } }\n  - { name: large }\n${more}`,
  );

test.each<[string, object, object | undefined, string, object]>([
  [
    'sure and wrong stands',
    { end: 'whole', text: 'a', confidence: 0.6 },
    undefined,
    '',
    { right: 0, micros: 10, escalations: {} },
  ],
  [
    'unsure goes up, and both are paid',
    { end: 'whole', text: 'b', confidence: 0.5 },
    undefined,
    '',
    { right: 1, micros: 110, meanMs: 200, escalations: { confidence: 1 } },
  ],
  ['nobody says how sure: it stands', { end: 'whole', text: 'b' }, undefined, '', { right: 1, micros: 10 }],
  [
    'late counts its time and no more',
    { end: 'whole', text: 'b', ms: 5000 },
    undefined,
    '',
    { meanMs: 1100, escalations: { timeout: 1 } },
  ],
  ['no schema fits', { end: 'unread' }, undefined, '', { right: 1, escalations: { schema: 1 } }],
  ['failed stands, where the rules do not name it', { end: 'failed' }, undefined, '', { right: 0, escalations: {} }],
  [
    'the answer before stands, where the better one is none',
    { end: 'whole', text: 'b', confidence: 0 },
    { end: 'flawed', ...used },
    '',
    { right: 1, micros: 110 },
  ],
  [
    'a rule begins above',
    { end: 'whole', text: 'a' },
    undefined,
    'rules: [{ when: { contains: [问] }, tier: large }]',
    { right: 1, micros: 100, escalations: {} },
  ],
])('%s', (_what, small, large, more, score) => {
  expect(scoreSet(recordedSet(one(small, large)), rules(more)).at(-1)).toMatchObject(score);
});

test('what is wrong with a set or a file of rules is told with its place', () => {
  expect(() => recordedSet('{"about":"x","prices":{}}\n{')).toThrow('line 2 of the recorded set is no JSON');
  expect(() => recordedSet(one({ end: 'great' }))).toThrow('line 2 of the recorded set does not fit: tiers.small.end');
  expect(() => recordedSet('')).toThrow('has no questions');
  const other = routeRules('r.yaml', 'tiers: [{ name: huge }]');
  expect(() => scoreSet(recordedSet(one({ end: 'whole' })), other)).toThrow(
    'has no answer of the tier huge to 一; it has: small, large',
  );
  const bad = (text: string) => () => routeRules('r.yaml', text);
  expect(bad('tiers: []')).toThrow('needs at least one tier');
  expect(bad('tiers: [{ name: a, escalate: {} }]')).toThrow('there is no tier above the last one');
  expect(bad('tiers: [{ name: a }, { name: a }]')).toThrow('there are two tiers `a`');
  expect(bad('tiers: [{ name: a }]\nrules: [{ when: {}, tier: b }]')).toThrow('there is no tier `b`; known: a');
  expect(bad('tiers: [{ name: a, below: 1 }]')).toThrow('r.yaml:1:');
});
