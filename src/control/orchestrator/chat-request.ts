// The request of a model turn, made from the run's events alone: instructions, earlier turns, the owner's words, and each
// step so far with its tool calls and their results. It leaves out nothing silently and adds nothing unrecorded.
import { create } from '@bufbuild/protobuf';
import {
  type ChatRequest,
  ChatRequestSchema,
  type Message,
  MessageSchema,
  Role,
  type ToolCall,
  type ToolDefinition,
  ToolDefinitionSchema,
} from '../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import type { OfferedTool } from '../../../gen/bowline/event/v1/event_pb.ts';
import { AppError } from '../../base/errors.ts';
import { jobId } from '../../base/ids.ts';
import { toFailure } from '../../contract/errors.ts';
import type { CapabilityMethod, MethodRegistry } from '../../contract/registry.ts';
import { methodDescription, requestSchema } from '../../contract/tool-schema.ts';
import type { RunState } from './state.ts';
import { chatOf } from './steps.ts';
import { systemText } from './system-text.ts';
import { type JudgedCall, judgeToolCalls } from './tool-calls.ts';
import { clipped, errorMessage, toolMessageOf } from './tool-message.ts';
import { metLimit, offeredTools } from './tool-offer.ts';

/** The ChatRequest of a Chat job of this run. Throws NOT_FOUND when the run has no such model turn. */
export function chatRequest(run: RunState, job: string, methods: MethodRegistry): ChatRequest {
  const turn = run.jobs.get(job);
  if (turn?.index !== 0) throw new AppError('NOT_FOUND', { kind: 'model turn' });
  const met = run.tools.length > 0 && turn.step > 0 ? metLimit(run, turn.step) : undefined;
  const notice = met ? `\nNo more tools can be used: ${met.what} has reached its limit. Answer now.` : '';
  const messages: Message[] = [said(Role.SYSTEM, systemText(run) + notice)];
  for (const { question, answer } of run.history) {
    messages.push(said(Role.USER, question), said(Role.ASSISTANT, answer));
  }
  messages.push(said(Role.USER, run.text));
  let room = run.limits.maxToolBytes;
  for (let step = 0; step < turn.step; step++) room = addStep(messages, run, step, methods, room);
  return create(ChatRequestSchema, {
    messages,
    tools: offeredTools(run, turn.step).flatMap((t) => definition(t, methods)),
  });
}

function addStep(messages: Message[], run: RunState, step: number, methods: MethodRegistry, room: number): number {
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
    const content = clipped(job ? toolMessageOf(job, methods) : notRun(verdict), Math.max(room, 200));
    room -= content.length;
    messages.push(
      create(MessageSchema, {
        role: Role.TOOL,
        parts: [{ part: { case: 'text', value: content } }],
        toolCallId: call.id,
        toolName: call.name,
      }),
    );
  }
  return room;
}

const notRun = (verdict: JudgedCall['verdict']): string =>
  errorMessage(verdict.ok ? toFailure(new AppError('TOOL_NOT_RUN')) : verdict.failure);

const said = (role: Role, text: string, toolCalls: ToolCall[] = []): Message =>
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
