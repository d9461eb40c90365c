// Builds what runs are made of, for tests of the orchestrator: methods, tools, results of models and tools.
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { ReadResponseSchema } from '../../gen/bowline/capability/fs/v1/fs_pb.ts';
import { ChatResponseSchema, FinishReason } from '../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { type PassageSchema, SearchResponseSchema } from '../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { type Failure, FailureSchema } from '../../gen/bowline/common/v1/common_pb.ts';
import {
  type JobFinished,
  type OfferedTool,
  OfferedToolSchema,
  ResponsesSchema,
  TargetKind,
} from '../../gen/bowline/event/v1/event_pb.ts';
import { edgeCapabilities } from '../../src/contract/capabilities.ts';
import { MethodRegistry } from '../../src/contract/registry.ts';
import { workerCapabilities } from '../../src/contract/worker-capabilities.ts';

export const methods = new MethodRegistry([...edgeCapabilities, ...workerCapabilities]);

/** The tools of a device that serves these tool names. */
export const deviceTools = (...names: string[]): OfferedTool[] =>
  names.map((name) => {
    const method = methods.resolve(name);
    return create(OfferedToolSchema, {
      name,
      method: method.fullName,
      descriptorSha256: method.descriptorSha256,
      effect: method.effect,
      target: TargetKind.DEVICE,
    });
  });

/** Tools that workers serve. */
export const workerTools = (...names: string[]): OfferedTool[] =>
  deviceTools(...names).map((tool) => create(OfferedToolSchema, { ...tool, target: TargetKind.WORKER }));

export interface Said {
  readonly text?: string;
  readonly calls?: readonly { id?: string; name: string; args: unknown }[];
  readonly reason?: FinishReason;
  /** How sure the model was. */
  readonly sure?: number;
}

type Result = JobFinished['result'];

const done = (messages: Uint8Array[]): Result => ({ case: 'done', value: create(ResponsesSchema, { messages }) });

/** What a model said. */
export function said({ text = '', calls = [], reason, sure }: Said): Result {
  const bytes = (init: MessageInitShape<typeof ChatResponseSchema>) =>
    toBinary(ChatResponseSchema, create(ChatResponseSchema, init));
  const messages: Uint8Array[] = [];
  if (text) messages.push(bytes({ event: { case: 'text', value: { text } } }));
  for (const [i, { id, name, args }] of calls.entries()) {
    const argumentsJson = typeof args === 'string' ? args : JSON.stringify(args);
    messages.push(bytes({ event: { case: 'toolCall', value: { id: id ?? `c${i}`, name, argumentsJson } } }));
  }
  const finish = reason ?? (calls.length > 0 ? FinishReason.TOOL_CALLS : FinishReason.STOP);
  const model = { provider: 'rules', name: 'rules-1', local: true };
  const confidence = sure === undefined ? {} : { confidence: { value: sure } };
  messages.push(bytes({ event: { case: 'finish', value: { reason: finish, model, ...confidence } } }));
  return done(messages);
}

/** Passages, as a worker answers retrieval_search. */
export const found = (...passages: MessageInitShape<typeof PassageSchema>[]): Result =>
  done([toBinary(SearchResponseSchema, create(SearchResponseSchema, { passages }))]);

/** The text of a file, as a device answers fs_read. */
export const read = (path: string, text: string): Result =>
  done([toBinary(ReadResponseSchema, create(ReadResponseSchema, { file: { path }, text, firstLine: 1 }))]);

export const responses = (...messages: Uint8Array[]): Result => done(messages);

export const failure = (init: MessageInitShape<typeof FailureSchema>): Failure => create(FailureSchema, init);

export const failed = (init: MessageInitShape<typeof FailureSchema>): Result => ({
  case: 'failure',
  value: failure(init),
});
