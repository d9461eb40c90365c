// Judges the tool calls of a model: number, names, size, JSON, the rules of the contract, collections and taints. A refused one becomes
// an error message for the model and never a job.
import { create, toBinary } from '@bufbuild/protobuf';
import {
  type ToolCall as ChatToolCall,
  ToolCallSchema as ChatToolCallSchema,
} from '../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import type { Failure } from '../../../../gen/bowline/common/v1/common_pb.ts';
import type { OfferedTool } from '../../../../gen/bowline/event/v1/event_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { fixedLimit } from '../../../base/fixed-limit.ts';
import { toFailure } from '../../../contract/errors.ts';
import type { CapabilityMethod, MethodRegistry } from '../../../contract/registry.ts';
import { toolArguments } from '../../../contract/tool-arguments.ts';
import { validate } from '../../../contract/validate.ts';
import { MAX_ARGUMENT_BYTES, MAX_CALLS_READ } from '../run/limits.ts';
import { type FoldedJob, type FoldedRun, isPlanned } from '../run/state.ts';
import { bindSearch } from './retrieval.ts';
import { chatJob, chatOf } from './steps.ts';
import { mustBeClean, type Precaution, precaution } from './taint-verdict.ts';
import { offeredTools } from './tool-offer.ts';

export interface JudgedCall {
  /** Index of its job within the step, from 1. */
  readonly index: number;
  /** The call as it may be shown to a model again: its id is unique in the step, its arguments are an object. */
  readonly call: ChatToolCall;
  readonly verdict:
    | {
        readonly ok: true;
        readonly tool: OfferedTool;
        readonly method: CapabilityMethod;
        readonly params: Uint8Array;
        readonly precaution: Precaution;
      }
    | { readonly ok: false; readonly failure: Failure };
}

/** What was judged of a model's answer, and by what besides the run's state before it, which is settled then. */
interface Judged {
  readonly tools: readonly OfferedTool[];
  readonly methods: MethodRegistry;
  readonly calls: readonly JudgedCall[];
}

/** By the finished model turn as it stands in the state of its run: a state that was dropped leaves nothing here. */
const known = new WeakMap<FoldedJob, Judged>();

/**
 * The tool calls of a step, in the model's order. Empty when the model asked for none or was offered none. A verdict stays the
 * same when it is made again, so the requests of later turns take the one that was made.
 */
export function judgeToolCalls(run: FoldedRun, step: number, methods: MethodRegistry): readonly JudgedCall[] {
  const turn = chatJob(run, step);
  const asked = chatOf(run, step)?.toolCalls ?? [];
  if (!turn || asked.length === 0) return [];
  const before = known.get(turn);
  if (before && before.tools === run.tools && before.methods === methods) return before.calls;
  const calls = judgeAll(run, step, asked, methods);
  known.set(turn, { tools: run.tools, methods, calls });
  return calls;
}

function judgeAll(run: FoldedRun, step: number, calls: readonly ChatToolCall[], methods: MethodRegistry): JudgedCall[] {
  const tools = offeredTools(run, step);
  if (tools.length === 0) return [];
  let before = 0;
  for (const job of run.jobs.values()) {
    if (job.step < step ? isPlanned(job) : job.step === step && job.role === 'turn') before++;
  }
  // One job is kept for the model's next turn.
  let room = Math.min(run.limits.maxParallel, run.limits.maxJobs - before - 1);
  const ids = new Set<string>();
  return calls.slice(0, MAX_CALLS_READ).map((call, position) => {
    const index = position + 1;
    const id = call.id !== '' && call.id.length <= 256 && !ids.has(call.id) ? call.id : `call_${step}_${index}`;
    ids.add(id);
    const name = call.name.replace(/[^A-Za-z0-9_-]/g, '_').slice(0, 64) || 'unnamed';
    const verdict = judge(run, step, call, { tools, methods, full: room > 0 ? undefined : run.limits.maxParallel });
    if (verdict.ok) room--;
    const argumentsJson = verdict.ok || isObject(call.argumentsJson) ? call.argumentsJson || '{}' : '{}';
    return { index, call: create(ChatToolCallSchema, { id, name, argumentsJson }), verdict };
  });
}

interface Judging {
  readonly tools: readonly OfferedTool[];
  readonly methods: MethodRegistry;
  /** How many calls a step may have, where it has them already. */
  readonly full: number | undefined;
}

function judge(
  run: FoldedRun,
  step: number,
  call: ChatToolCall,
  { tools, methods, full }: Judging,
): JudgedCall['verdict'] {
  try {
    if (full !== undefined) throw fixedLimit('the number of tool calls', full, 'ask for fewer');
    const tool = tools.find((each) => each.name === call.name);
    const method = tool && methods.byFullName(tool.method);
    if (!tool || !method) {
      const known = tools.map((each) => each.name).join(', ');
      throw new AppError('TOOL_NOT_OFFERED', { tool: call.name.slice(0, 64), known });
    }
    const request = toolArguments(method, call, MAX_ARGUMENT_BYTES);
    validate(method.desc.input, request);
    bindSearch(run, request);
    mustBeClean(run, step, tool, method, request);
    const params = toBinary(method.desc.input, request);
    return { ok: true, tool, method, params, precaution: precaution(run, step, tool) };
  } catch (error) {
    return { ok: false, failure: toFailure(error) };
  }
}

function isObject(json: string): boolean {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
