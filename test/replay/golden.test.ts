// Histories that were once written must fold to the same state for ever. To keep a new one: BOWLINE_KEEP_HISTORIES=1, which
// writes what is missing and never touches what is there.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fromJson, type JsonValue, toJson } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { type RunEvent, RunEventSchema } from '../../gen/bowline/event/v1/event_pb.ts';
import { sha256Of } from '../../src/control/blobs/blob-store.ts';
import { largeEvents } from '../../src/control/blobs/large-events.ts';
import { fold } from '../../src/control/orchestrator/run/evolve.ts';
import { readRunEvent, storeRunEvent } from '../../src/control/orchestrator/service/event-codec.ts';
import type { EventStore, StoredEvent } from '../../src/control/store/unit.ts';
import { type Described, describe } from '../support/describe-run.ts';
import { illegalState } from '../support/legal.ts';
import { methods } from '../support/run-scenario.ts';
import { LARGE_FROM, scenarios } from './scenarios.ts';

interface Golden {
  readonly events: JsonValue[];
  /** The bytes of events that lie in the blob store, in base64 by their hash. */
  readonly blobs?: Record<string, string>;
  readonly state: Described;
}

const folder = new URL('./histories/', import.meta.url);
const json = (event: RunEvent): JsonValue => toJson(RunEventSchema, event);
const golden = (name: string) => JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Golden;
const written = ({ events }: Golden) => events.map((event) => fromJson(RunEventSchema, event));

/** A store whose large events lie in `blobs`. */
function storeWith(rows: StoredEvent[], blobs: Record<string, string>, bytes = Number.POSITIVE_INFINITY): EventStore {
  const rowsAlone: Partial<EventStore> = {
    async commit({ parts }) {
      rows.push(...parts.flatMap(({ events }) => events));
      return { status: 'committed', at: 0 };
    },
    async load() {
      return { version: rows.length, events: rows.map((row, i) => ({ ...row, version: i + 1, at: 0 })) };
    },
  };
  return largeEvents(rowsAlone as EventStore, {
    bytes,
    allKnow: async () => true,
    log: { warn: (text) => expect.fail(text) },
    blobs: {
      async keep(_tenant, _owner, data) {
        blobs[sha256Of(data)] = Buffer.from(data).toString('base64');
        return sha256Of(data);
      },
      get: async ({ sha256 }) => Buffer.from(blobs[sha256] ?? expect.fail(`no blob ${sha256}`), 'base64'),
    },
  });
}

if (process.env.BOWLINE_KEEP_HISTORIES === '1') {
  for (const [name, play] of Object.entries(scenarios)) {
    const file = new URL(`${name}.json`, folder);
    if (existsSync(file)) continue;
    const events = play();
    const [rows, blobs]: [StoredEvent[], Record<string, string>] = [[], {}];
    const part = { stream: 'r1', kind: 'run', expected: 0, events: events.map(storeRunEvent) } as const;
    await storeWith(rows, blobs, LARGE_FROM[name]).commit({ tenant: 't1', parts: [part] } as never);
    const apart = Object.keys(blobs).length > 0 ? { blobs } : {};
    const kept: Golden = { events: rows.map(readRunEvent).map(json), ...apart, state: describe(fold(events)) };
    writeFileSync(file, `${JSON.stringify(kept, undefined, 1)}\n`);
  }
}

const kept = readdirSync(folder).filter((name) => name.endsWith('.json'));

test('every scenario has a kept history', () => {
  expect(kept.map((name) => name.replace('.json', '')).toSorted()).toEqual(Object.keys(scenarios).toSorted());
});

test.each(kept)('the history %s folds to the state it always had', async (name) => {
  const was = golden(name);
  const { events } = await storeWith(written(was).map(storeRunEvent), was.blobs ?? {}).load('t1', 'r1');
  const run = fold(events.map(readRunEvent));
  // A later version may know more of a state, never something else.
  expect(describe(run)).toMatchObject(was.state as object);
  expect(run && illegalState(run, methods)).toEqual([]);
});

test('all kinds of events stand in some kept history', () => {
  const kinds = new Set(kept.flatMap((name) => written(golden(name)).map(({ event }) => event.case)));
  const all = RunEventSchema.oneofs[0]!.fields.map((field) => field.localName);
  expect([...kinds].toSorted()).toEqual(all.toSorted());
});
