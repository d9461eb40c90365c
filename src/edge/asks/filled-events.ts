// What the owner sees of a run: the events as they come, with facts in the places of their marks.
import { create } from '@bufbuild/protobuf';
import {
  EndedSchema,
  type RunEvent as LocalRunEvent,
  RunEventSchema as LocalRunEventSchema,
} from '../../../gen/bowline/local/v1/local_pb.ts';
import { OutcomeSchema } from '../../../gen/bowline/run/v1/run_pb.ts';
import { FilledChunks, filledText, type LookUpFacts } from '../../contract/text/filled-text.ts';

/** @param lookUp the conversation is empty where it is not known yet */
export async function* filledEvents(
  events: AsyncIterable<LocalRunEvent>,
  lookUp: (conversation: string) => LookUpFacts,
): AsyncGenerator<LocalRunEvent, void, undefined> {
  const chunks = new FilledChunks(lookUp(''));
  for await (const { event } of events) {
    if (event.case === 'text') {
      const value = await chunks.add(event.value);
      if (value) yield create(LocalRunEventSchema, { event: { case: 'text', value } });
    } else if (event.case === 'ended' && event.value.outcome) {
      const rest = await chunks.end();
      if (rest) yield create(LocalRunEventSchema, { event: { case: 'text', value: rest } });
      const { outcome, conversation } = event.value;
      const answer = await filledText(outcome.answer, lookUp(conversation));
      const value = create(EndedSchema, { ...event.value, outcome: create(OutcomeSchema, { ...outcome, answer }) });
      yield create(LocalRunEventSchema, { event: { case: 'ended', value } });
    } else yield create(LocalRunEventSchema, { event });
  }
}
