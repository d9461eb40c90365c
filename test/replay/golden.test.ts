// Histories that were once written must fold to the same state for ever. To keep a new one: BOWLINE_KEEP_HISTORIES=1, which
// writes what is missing and never touches what is there.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fromJson, type JsonValue, toJson } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { type RunEvent, RunEventSchema } from '../../gen/bowline/event/v1/event_pb.ts';
import { fold } from '../../src/control/orchestrator/run/evolve.ts';
import { type Described, describe } from '../support/describe-run.ts';
import { illegalState } from '../support/legal.ts';
import { methods } from '../support/run-scenario.ts';
import { scenarios } from './scenarios.ts';

interface Golden {
  readonly events: JsonValue[];
  readonly state: Described;
}

const folder = new URL('./histories/', import.meta.url);
const json = (event: RunEvent): JsonValue => toJson(RunEventSchema, event);

if (process.env.BOWLINE_KEEP_HISTORIES === '1') {
  for (const [name, play] of Object.entries(scenarios)) {
    const file = new URL(`${name}.json`, folder);
    if (existsSync(file)) continue;
    const events = play();
    const golden: Golden = { events: events.map(json), state: describe(fold(events)) };
    writeFileSync(file, `${JSON.stringify(golden, undefined, 1)}\n`);
  }
}

const kept = readdirSync(folder).filter((name) => name.endsWith('.json'));

test('every scenario has a kept history', () => {
  expect(kept.map((name) => name.replace('.json', '')).toSorted()).toEqual(Object.keys(scenarios).toSorted());
});

test.each(kept)('the history %s folds to the state it always had', (name) => {
  const golden = JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Golden;
  const run = fold(golden.events.map((event) => fromJson(RunEventSchema, event)));
  // A later version may know more of a state, never something else.
  expect(describe(run)).toMatchObject(golden.state as object);
  expect(run && illegalState(run, methods)).toEqual([]);
});

test('all kinds of events stand in some kept history', () => {
  const kinds = new Set(
    kept.flatMap((name) => {
      const golden = JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Golden;
      return golden.events.map((event) => fromJson(RunEventSchema, event).event.case);
    }),
  );
  const all = RunEventSchema.oneofs[0]!.fields.map((field) => field.localName);
  expect([...kinds].toSorted()).toEqual(all.toSorted());
});
