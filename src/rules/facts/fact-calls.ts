// The calls of `fs.Query` that a fact needs, and the one of them that answers it.
import { callKey, type PlannedCall } from '../planned-call.ts';
import type { Step } from '../transcript.ts';
import type { AskedFact } from './fact-aim.ts';

const TOOL = 'fs_query';

/** What to ask the device; a folder that is none is left away, and then told as not understood. */
export function factCalls(fact: AskedFact, steps: readonly Step[]): PlannedCall[] {
  const first = { tool: TOOL, args: fact.args };
  if (!stepOf(steps, fact.args)?.error) return [first];
  if (fact.otherwise) return [first, ...factCalls(fact.otherwise, steps)];
  return fact.args.path !== undefined ? [first, { tool: TOOL, args: wider(fact) }] : [first];
}

/** The step that answered a fact, and whether its folder was left away. */
export function answerOf(
  fact: AskedFact,
  steps: readonly Step[],
): { readonly fact: AskedFact; readonly step: Step | undefined; readonly wider: boolean } {
  const exact = stepOf(steps, fact.args);
  if (exact?.error && fact.otherwise) return answerOf(fact.otherwise, steps);
  const again = exact?.error ? stepOf(steps, wider(fact)) : undefined;
  return again && !again.error ? { fact, step: again, wider: true } : { fact, step: exact, wider: false };
}

function wider({ args }: AskedFact): AskedFact['args'] {
  const { path: _, ...rest } = args;
  return rest;
}

function stepOf(steps: readonly Step[], args: AskedFact['args']): Step | undefined {
  const key = callKey({ tool: TOOL, args });
  return steps.find((step) => callKey(step) === key);
}
