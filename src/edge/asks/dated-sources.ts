// What the owner sees of a run, with what became of the files of the documents that its answer rests on.
import { create } from '@bufbuild/protobuf';
import {
  EndedSchema,
  type RunEvent as LocalRunEvent,
  RunEventSchema as LocalRunEventSchema,
} from '../../../gen/bowline/local/v1/local_pb.ts';
import { OutcomeSchema, SourceSchema } from '../../../gen/bowline/run/v1/run_pb.ts';
import type { FateOf } from '../grants/since-added.ts';

export async function* datedSources(
  events: AsyncIterable<LocalRunEvent>,
  fateOf: FateOf,
): AsyncGenerator<LocalRunEvent, void, undefined> {
  for await (const told of events) {
    const { event } = told;
    const outcome = event.case === 'ended' ? event.value.outcome : undefined;
    if (event.case !== 'ended' || !outcome || outcome.sources.length === 0) {
      yield told;
      continue;
    }
    const sources = [];
    // What the control plane says of this counts for nothing.
    for (const source of outcome.sources)
      sources.push(create(SourceSchema, { ...source, sinceAdded: await fateOf(source) }));
    const value = create(EndedSchema, { ...event.value, outcome: create(OutcomeSchema, { ...outcome, sources }) });
    yield create(LocalRunEventSchema, { event: { case: 'ended', value } });
  }
}
