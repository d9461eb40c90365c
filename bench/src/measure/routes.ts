// What the cheapest model alone, the dearest alone, and the routing rules come to on the recorded set of examples/routes: a sum, not a
// measurement, so it has no rounds.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { recordedSet, type SetScore, scoreSet } from '../../../src/contract/routes/recorded.ts';
import { routeRules } from '../../../src/contract/routes/rules.ts';
import { type Bench, type Budget, type Measure, ofRounds, type Row } from '../harness/measure.ts';

const FOLDER = join(import.meta.dirname, '../../../examples/routes');

export const routes: Measure = {
  name: 'routes',
  what: 'share of right answers and cost of the cheap model, the dear one and the routing rules, on a recorded set',
  run: async ({ say }: Bench) => {
    const read = (name: string) => readFileSync(join(FOLDER, name), 'utf8');
    const set = recordedSet(read('recorded.jsonl'));
    const scores = scoreSet(set, routeRules('routes.yaml', read('routes.yaml')));
    const dear = scores.find(({ name }) => name === 'always large');
    for (const score of scores) say(`${score.name}: ${lineOf(score)}`);
    const cascade = scores.at(-1);
    if (!dear || !cascade) throw new Error('the set has no answers of the dear model');
    return [
      ...scores.map(({ name, right, cases }) => row(`right, ${name}`, right / cases)),
      row('cost of the rules, of always large', cascade.micros / dear.micros, { atMost: 0.6 }),
      row('right by the rules, of always large', cascade.right / dear.right, { atLeast: 0.93 }),
      row('questions that went up', upsOf(cascade) / cascade.cases),
    ];
  },
};

const upsOf = ({ escalations }: SetScore): number => Object.values(escalations).reduce((sum, each) => sum + each, 0);

const lineOf = (score: SetScore): string =>
  `${score.right} of ${score.cases} right, cost ${(score.micros / 1e6).toFixed(6)}, mean ${Math.round(score.meanMs)} ms, went up ${JSON.stringify(score.escalations)}`;

const row = (what: string, value: number, budget?: Budget): Row => ({
  measure: 'routes',
  what,
  ours: ofRounds('Bowline', 'share', [value]),
  peers: [],
  ...(budget ? { budget: { ...budget, absolute: true } } : {}),
});
