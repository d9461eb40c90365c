// Which run a part of an id means, wherever it is known: at the control plane, or on this box alone.
import { AppError } from '../../base/errors.ts';
import { controlSide, type GlobalOptions, isAway, localSide, using } from '../client.ts';
import { runId } from '../find-id.ts';
import type { CliIo } from '../io.ts';
import { sensitiveRun } from '../sensitive-turns.ts';
import { askId } from './queue.ts';

/** Whether the other side knows more of it. */
export const isElsewhere = (error: unknown): boolean =>
  isAway(error) || (error instanceof AppError && error.reason === 'NOT_FOUND');

/** The run that a part of its id means: the control plane lists most of them, the box those that it was not told of yet. */
export async function idAnywhere(io: CliIo, typed: string, options: GlobalOptions): Promise<string> {
  const here = await sensitiveRun(io, options, typed);
  if (here !== undefined) return here;
  const there = (error: unknown) => {
    if (isElsewhere(error)) return typed;
    throw error;
  };
  const found = await using(
    () => controlSide(io, options),
    (control) => runId(control, typed),
  ).catch(there);
  if (found !== typed) return found;
  return using(
    () => localSide(io, options),
    (edge) => askId(edge, typed),
  ).catch(there);
}
