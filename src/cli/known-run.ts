// Whether a run that was named exists, where a list of it is empty: a mistyped id is told, and is not nothing.
import { RunService } from '../../gen/bowline/control/v1/run_service_pb.ts';
import { LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../base/errors.ts';
import { controlSide, type GlobalOptions, localSide, using } from './client.ts';
import { runId } from './find-id.ts';
import type { CliIo } from './io.ts';

/** How long each side is asked. */
const LIMIT_MS = 3_000;

/** Its whole id. Throws NOT_FOUND for a run that neither the box nor the control plane knows, as far as they can be asked now. */
export async function knownRun(io: CliIo, options: GlobalOptions, typed: string): Promise<string> {
  if (await isOfBox(io, options, typed)) return typed;
  try {
    return await using(controlSide(io, options), async (control) => {
      const id = await runId(control, typed);
      await control.client(RunService).getRun({ id }, { timeoutMs: LIMIT_MS });
      return id;
    });
  } catch (error) {
    if (error instanceof AppError && error.reason === 'USAGE') throw error;
    throw new AppError('NOT_FOUND', { kind: 'run' }, { cause: error });
  }
}

async function isOfBox(io: CliIo, options: GlobalOptions, run: string): Promise<boolean> {
  try {
    return await using(localSide(io, options), async (edge) => {
      for await (const _first of edge.client(LocalService).follow({ run }, { timeoutMs: LIMIT_MS })) return true;
      return false;
    });
  } catch (error) {
    // Where it has nothing to say of a run yet, it knows it all the same.
    return error instanceof AppError && error.reason === 'DEADLINE_EXCEEDED';
  }
}
