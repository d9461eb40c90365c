// The question that `--better` asks again: the last one of the conversation, or of this box.
import { RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { AppError } from '../base/errors.ts';
import { controlSide, type GlobalOptions, type Side, using } from './client.ts';
import { statusOf } from './closing.ts';
import type { CliIo } from './io.ts';

/** Runs that are looked at for one that was asked here. */
const LOOKED_AT = 100;

export interface AskedBefore {
  readonly run: string;
  readonly conversation: string;
  readonly text: string;
}

/** Throws NOTHING_TO_DO where nothing was asked, and what the control plane throws. */
export async function askedBefore(
  io: CliIo,
  options: GlobalOptions,
  edge: Side,
  conversation: string,
): Promise<AskedBefore> {
  const { device } = await statusOf(edge);
  const found = await using(controlSide(io, options), async (control) => {
    const service = control.client(RunService);
    const { runs } = await service.listRuns({ conversation, pageSize: LOOKED_AT, withoutListings: true });
    const last = runs.find((run) => run.conversation !== '' && (conversation !== '' || run.device === device));
    return last && (await service.getRun({ id: last.id })).run;
  });
  if (found) return { run: found.id, conversation: found.conversation, text: found.text };
  throw new AppError('NOTHING_TO_DO', { what: 'nothing was asked before that could be answered better' });
}
