// The request of a model turn, made from the run's events alone: instructions, summary and earlier turns, the owner's words,
// what was found in collections, and each step so far with its tool calls and their results. It leaves out nothing silently and adds nothing unrecorded.
import { create } from '@bufbuild/protobuf';
import {
  type ChatRequest,
  ChatRequestSchema,
  type ToolCall as ChatToolCall,
  ToolCallSchema as ChatToolCallSchema,
  type Message,
  MessageSchema,
  Role,
  type ToolDefinition,
  ToolDefinitionSchema,
} from '../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import type { OfferedTool } from '../../../../gen/bowline/event/v1/event_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { jobId } from '../../../base/ids.ts';
import { toFailure } from '../../../contract/errors.ts';
import type { CapabilityMethod, MethodRegistry } from '../../../contract/registry.ts';
import { methodDescription, requestSchema } from '../../../contract/tool-schema.ts';
import { clipped, errorMessage } from '../../../contract/tool-text.ts';
import { MAX_WORKER_RESULT_CHARS } from '../run/limits.ts';
import type { FoldedJob, FoldedRun } from '../run/state.ts';
import { searchArguments, searchOf } from './retrieval.ts';
import { chatOf, isLeftForBetter } from './steps.ts';
import { summaryRequest } from './summary.ts';
import { systemText } from './system-text.ts';
import { type JudgedCall, judgeToolCalls } from './tool-calls.ts';
import { toolMessageOf } from './tool-message.ts';
import { metLimit, offeredTools } from './tool-offer.ts';

/** The ChatRequest of a model turn, or of the summary, of this run. Throws NOT_FOUND when the run has no such model turn. */
export function chatRequest(run: FoldedRun, job: string, methods: MethodRegistry): ChatRequest {
  const turn = run.jobs.get(job);
  if (turn?.role === 'summary') {
    const { bound } = turn;
    return bound ? { ...summaryRequest(run), maxOutputTokens: bound.maxOutputTokens } : summaryRequest(run);
  }
  if (turn?.role !== 'turn') throw new AppError('NOT_FOUND', { kind: 'model turn' });
  const met = run.tools.length > 0 && turn.step > 0 ? metLimit(run, turn.step) : undefined;
  const notice = met ? `\nNo more tools can be used: ${met.metadata.what} has reached its limit. Answer now.` : '';
  const messages: Message[] = [said(Role.SYSTEM, systemText(run) + notice)];
  // What a model wrote is shown as its own words, never as instructions.
  if (run.summary !== '') messages.push(said(Role.USER, SUMMARY_QUESTION), said(Role.ASSISTANT, run.summary));
  for (const { text, answer } of run.history) {
    messages.push(said(Role.USER, text), said(Role.ASSISTANT, answer));
  }
  messages.push(said(Role.USER, run.text));
  let room = addSearch(messages, run, methods, run.limits.maxToolBytes);
  for (let step = 0; step < turn.step; step++)
    if (!isLeftForBetter(run, step)) room = addStep(messages, run, step, methods, room);
  return create(ChatRequestSchema, {
    messages,
    model: turn.route?.model ?? '',
    stateConfidence: (turn.route?.below ?? 0) > 0,
    maxOutputTokens: turn.bound?.maxOutputTokens ?? 0,
    tools: offeredTools(run, turn.step).flatMap((t) => definition(t, methods)),
  });
}

const SUMMARY_QUESTION = 'What did we say in this conversation so far? Only the most important.';

/** The search before the first turn, as if the model had asked for it. */
function addSearch(messages: Message[], run: FoldedRun, methods: MethodRegistry, room: number): number {
  const job = searchOf(run);
  if (!job) return room;
  const call = create(ChatToolCallSchema, { id: 'search', name: job.toolName, argumentsJson: searchArguments(job) });
  const content = jobText(job, methods, room);
  messages.push(said(Role.ASSISTANT, '', [call]), answer(call, content));
  return room - content.length;
}

/** What a model is told of the result of a job, within the room that is left. */
const jobText = (job: FoldedJob, methods: MethodRegistry, room: number): string => {
  const most = job.target === 'worker' ? Math.min(room, MAX_WORKER_RESULT_CHARS) : room;
  return clipped(toolMessageOf(job, methods), Math.max(most, 200));
};

const answer = ({ id, name }: ChatToolCall, content: string): Message =>
  create(MessageSchema, {
    role: Role.TOOL,
    parts: [{ part: { case: 'text', value: content } }],
    toolCallId: id,
    toolName: name,
  });

function addStep(messages: Message[], run: FoldedRun, step: number, methods: MethodRegistry, room: number): number {
  const text = chatOf(run, step)?.text ?? '';
  const judged = judgeToolCalls(run, step, methods);
  if (text === '' && judged.length === 0) return room;
  messages.push(
    said(
      Role.ASSISTANT,
      text,
      judged.map(({ call }) => call),
    ),
  );
  for (const { index, call, verdict } of judged) {
    const job = run.jobs.get(jobId(run.id, step, index));
    const content = job ? jobText(job, methods, room) : clipped(notRun(verdict), Math.max(room, 200));
    room -= content.length;
    messages.push(answer(call, content));
  }
  return room;
}

const notRun = (verdict: JudgedCall['verdict']): string =>
  errorMessage(verdict.ok ? toFailure(new AppError('TOOL_NOT_RUN')) : verdict.failure);

const said = (role: Role, text: string, toolCalls: ChatToolCall[] = []): Message =>
  create(MessageSchema, { role, parts: text === '' ? [] : [{ part: { case: 'text', value: text } }], toolCalls });

const definitions = new WeakMap<CapabilityMethod, ToolDefinition>();

// A method that this build does not have cannot be described, so the model is not offered it.
function definition(tool: OfferedTool, methods: MethodRegistry): ToolDefinition[] {
  const method = methods.byFullName(tool.method);
  if (!method) return [];
  let known = definitions.get(method);
  if (!known || known.name !== tool.name) {
    known = create(ToolDefinitionSchema, {
      name: tool.name,
      description: methodDescription(method.desc),
      parametersJson: JSON.stringify(requestSchema(method.desc)),
    });
    definitions.set(method, known);
  }
  return [known];
}
