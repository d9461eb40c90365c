// The result of a tool call as the JSON that a model reads. It shows what is recorded and nothing else; what was withheld
// is named, so that an empty result never looks like a bug.
import type { CapabilityMethod, MethodRegistry } from '../../../contract/registry.ts';
import { noteOf, toolText } from '../../../contract/tool-text.ts';
import type { FoldedJob, FoldedRun } from '../run/state.ts';

/** The whole result of a finished tool job, as a model reads it. */
export function toolMessage(job: FoldedJob, method: CapabilityMethod | undefined): string {
  const { result } = job;
  if (!result) {
    const reason = job.cancelReason || 'CANCELED';
    const message = job.cancelReason ? `this tool call was stopped (${reason})` : 'this tool call was not run';
    return JSON.stringify({ error: { reason, message, ...noteOf(reason) } });
  }
  const error = result.result.case === 'done' ? result.trailingFailure : result.result.value;
  const responses = result.result.case === 'done' ? result.result.value.messages : undefined;
  return toolText({ responses, failure: error, withheld: result.withheld }, method);
}

/** Bytes of tool results and passages given to the model before a step. */
export function givenBytes(run: FoldedRun, step: number): number {
  let sum = 0;
  for (const job of run.jobs.values()) {
    if (job.step >= step || (job.role !== 'tool' && job.role !== 'retrieval')) continue;
    if (job.result?.result.case !== 'done') continue;
    for (const message of job.result.result.value.messages) sum += message.length;
  }
  return sum;
}

/** Rendered once per finished job. */
const rendered = new WeakMap<object, string>();

/** `toolMessage`, remembered. */
export function toolMessageOf(job: FoldedJob, methods: MethodRegistry): string {
  const key = job.result;
  const known = key && rendered.get(key);
  if (known !== undefined) return known;
  const message = toolMessage(job, methods.byFullName(job.method));
  if (key) rendered.set(key, message);
  return message;
}
