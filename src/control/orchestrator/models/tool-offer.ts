// Which tools a model turn is offered: all of the run, or none where a limit says that it must answer now.
import type { OfferedTool } from '../../../../gen/bowline/event/v1/event_pb.ts';
import type { AppError } from '../../../base/errors.ts';
import { fixedLimit } from '../../../base/fixed-limit.ts';
import { isPlanned, type RunState } from '../run/state.ts';
import { chatOf } from './steps.ts';
import { givenBytes } from './tool-message.ts';

/** The limit that leaves a step without tools; undefined when it may have them. */
export function metLimit(run: RunState, step: number): AppError | undefined {
  const { maxSteps, maxJobs, maxToolBytes } = run.limits;
  if (step + 1 >= maxSteps) return fixedLimit('the number of model turns', maxSteps, 'ask again to go on');
  let before = 0;
  for (const job of run.jobs.values()) if (isPlanned(job) && job.step < step) before++;
  // This turn, one tool call, and the turn after it.
  if (before + 3 > maxJobs) return fixedLimit('the number of jobs', maxJobs, 'ask again to go on');
  if (givenBytes(run, step) >= maxToolBytes) {
    return fixedLimit('the size of all tool results', `${maxToolBytes} bytes`, 'ask for less at once');
  }
  return undefined;
}

/** The tools that the model is offered in a step. */
export const offeredTools = (run: RunState, step: number): readonly OfferedTool[] =>
  run.tools.length === 0 || metLimit(run, step) ? [] : run.tools;

/** Whether the model of a finished step asked for tools. */
export const asksForTools = (run: RunState, step: number): boolean => (chatOf(run, step)?.toolCalls.length ?? 0) > 0;
