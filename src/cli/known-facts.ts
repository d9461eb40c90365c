// What marks in texts of the control plane stand for, asked of the edge of this home. On a machine without one they stay unknown, and that is
// said in their places.
import { create } from '@bufbuild/protobuf';
import { type Run, RunSchema, type WatchRunResponse } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import { OutcomeSchema } from '../../gen/bowline/run/v1/run_pb.ts';
import { FilledChunks, filledText, type LookUpFacts } from '../contract/text/filled-text.ts';
import { type GlobalOptions, localSide, using } from './client.ts';
import type { CliIo } from './io.ts';

/** Marks that are asked for at once. */
const MOST = 256;
/** An edge that does not answer is as one that is not there. */
const WAIT_MS = 3_000;

/** In which run or conversation marks stand; what is not known is empty. */
interface MarkPlace {
  readonly run: string;
  readonly conversation: string;
}

export type FactsOfBox = (place: MarkPlace) => LookUpFacts;

export function factsOfBox(io: CliIo, options: GlobalOptions): FactsOfBox {
  return (place) => async (marks) => {
    try {
      const request = { ...place, marks: marks.slice(0, MOST) };
      const { facts } = await using(localSide(io, options), (edge) =>
        edge.client(LocalService).getFacts(request, { timeoutMs: WAIT_MS }),
      );
      return new Map(facts.map(({ mark, text }) => [mark, text]));
    } catch {
      return new Map();
    }
  };
}

/** A run as its owner sees it on the box. */
export async function filledRun(facts: FactsOfBox, run: Run): Promise<Run> {
  const { outcome, id, conversation } = run;
  if (!outcome) return run;
  const answer = await filledText(outcome.answer, facts({ run: id, conversation }));
  return create(RunSchema, { ...run, outcome: create(OutcomeSchema, { ...outcome, answer }) });
}

type RunTold = Pick<WatchRunResponse, 'event'>;

/** What happens in a run, as its owner sees it on the box. */
export async function* filledRunEvents(
  facts: FactsOfBox,
  responses: AsyncIterable<RunTold>,
): AsyncGenerator<RunTold, void, undefined> {
  // The text of a job says of which run it is.
  let run = '';
  const chunks = new FilledChunks((marks) => facts({ run, conversation: '' })(marks));
  for await (const { event } of responses) {
    if (event.case === 'text') {
      [run = ''] = event.value.job.split('/');
      const value = await chunks.add(event.value);
      if (value) yield { event: { case: 'text', value } };
    } else if (event.case === 'run') {
      const value = event.value.outcome && (await chunks.end());
      if (value) yield { event: { case: 'text', value } };
      yield { event: { case: 'run', value: await filledRun(facts, event.value) } };
    } else yield { event };
  }
}
