// Which tools a model turn is offered: all of the run, or none where a limit says that it must answer now.
import type { OfferedTool } from '../../../../gen/bowline/event/v1/event_pb.ts';
import { AppError, type SettingInWords } from '../../../base/errors.ts';
import { type FoldedRun, isPlanned } from '../run/state.ts';
import { chatOf } from './steps.ts';
import { givenBytes } from './tool-message.ts';

/** The limit that leaves a step without tools; undefined when it may have them. */
export function metLimit(run: FoldedRun, step: number): AppError | undefined {
  const { maxSteps, maxJobs, maxToolBytes } = run.limits;
  const asked = step - run.escalations.filter(({ job }) => job !== '').length;
  if (asked + 1 >= maxSteps) return over('the number of model turns', maxSteps, 'BOWLINE_MAX_RUN_TURNS');
  let before = 0;
  for (const job of run.jobs.values()) if (isPlanned(job) && job.step < step) before++;
  // This turn, one tool call, and the turn after it.
  if (before + 3 > maxJobs) return over('the number of jobs', maxJobs, 'BOWLINE_MAX_RUN_JOBS');
  if (givenBytes(run, step) >= maxToolBytes) {
    return over('the size of all tool results', `${maxToolBytes} bytes`, 'BOWLINE_MAX_RUN_TOOL_BYTES');
  }
  return undefined;
}

const over = (what: string, limit: string | number, setting: SettingInWords) =>
  new AppError('LIMIT_EXCEEDED', { what: `${what} of this run`, limit, setting });

/** The tools that the model is offered in a step. */
export const offeredTools = (run: FoldedRun, step: number): readonly OfferedTool[] =>
  run.tools.length === 0 || metLimit(run, step) ? [] : run.tools;

/** Whether the model of a finished step asked for tools. */
export const asksForTools = (run: FoldedRun, step: number): boolean => (chatOf(run, step)?.toolCalls.length ?? 0) > 0;
