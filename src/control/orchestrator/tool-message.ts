// The result of a tool call as the JSON that a model reads. It shows what is recorded and nothing else; what was withheld
// is named, so that an empty result never looks like a bug.
import { type DescMessage, fromBinary, type JsonObject, type JsonValue, toJson } from '@bufbuild/protobuf';
import {
  OutputStream,
  type RunResponse,
  RunResponseSchema,
} from '../../../gen/bowline/capability/shell/v1/shell_pb.ts';
import type { Failure } from '../../../gen/bowline/common/v1/common_pb.ts';
import { WithheldSchema } from '../../../gen/bowline/run/v1/run_pb.ts';
import { fromFailure } from '../../contract/errors.ts';
import type { CapabilityMethod, MethodRegistry } from '../../contract/registry.ts';
import type { JobState, RunState } from './state.ts';

/** `{"error": {"reason", "message"}}` for a tool call that was not run. */
export const errorMessage = (failure: Failure): string => JSON.stringify({ error: errorJson(failure) });

/**
 * The whole result of a finished tool job: the response in protobuf JSON (`messages` for a streamed one; `stdout`,
 * `stderr` and `exit` for a command), `error` where it failed, `withheld` where something stayed on the box.
 */
export function toolMessage(job: JobState, method: CapabilityMethod | undefined): string {
  const { result } = job;
  if (!result) {
    const message = job.cancelReason
      ? `this tool call was stopped (${job.cancelReason})`
      : 'this tool call was not run';
    return JSON.stringify({ error: { reason: job.cancelReason || 'CANCELED', message } });
  }
  const error = result.result.case === 'done' ? result.trailingFailure : result.result.value;
  return JSON.stringify({
    ...(result.result.case === 'done' ? responses(result.result.value.messages, method) : {}),
    ...(error ? { error: errorJson(error) } : {}),
    ...(result.withheld.length > 0 ? { withheld: result.withheld.map((each) => toJson(WithheldSchema, each)) } : {}),
  });
}

/** Bytes of tool results given to the model before a step. */
export function givenBytes(run: RunState, step: number): number {
  let sum = 0;
  for (const job of run.jobs.values()) {
    if (job.step >= step || job.role !== 'tool' || job.result?.result.case !== 'done') continue;
    for (const message of job.result.result.value.messages) sum += message.length;
  }
  return sum;
}

/** At most `room` characters of a tool message, still as JSON; `truncated` says so. */
export function clipped(message: string, room: number): string {
  if (message.length <= room) return message;
  const part = message.slice(0, Math.max(room, 0)).toWellFormed();
  return JSON.stringify({ truncated: true, note: 'this is the beginning of the result; the rest is too long', part });
}

function responses(messages: readonly Uint8Array[], method: CapabilityMethod | undefined): JsonObject {
  if (!method) return { error: { reason: 'METHOD_UNKNOWN', message: 'the result cannot be read here' } };
  if (method.desc.output.typeName === RunResponseSchema.typeName) return commandJson(messages);
  if (method.streaming) return { messages: messages.map((bytes) => responseJson(method.desc.output, bytes)) };
  const [first] = messages;
  const json = first && responseJson(method.desc.output, first);
  return typeof json === 'object' && json !== null && !Array.isArray(json) ? json : {};
}

function responseJson(schema: DescMessage, bytes: Uint8Array): JsonValue {
  try {
    return toJson(schema, fromBinary(schema, bytes));
  } catch {
    return { error: { reason: 'INVALID_ARGUMENT', message: 'this part of the result cannot be read' } };
  }
}

// Output is bytes in the contract; a model needs text.
function commandJson(messages: readonly Uint8Array[]): JsonObject {
  const out: Record<'stdout' | 'stderr', Uint8Array[]> = { stdout: [], stderr: [] };
  let exit: JsonValue | undefined;
  for (const bytes of messages) {
    const message = readCommand(bytes);
    if (message?.event.case === 'output') {
      const { stream, data } = message.event.value;
      out[stream === OutputStream.STDERR ? 'stderr' : 'stdout'].push(data);
    } else if (message?.event.case === 'exit') {
      exit = (toJson(RunResponseSchema, message) as JsonObject).exit;
    }
  }
  const text = (parts: Uint8Array[]) => Buffer.concat(parts).toString('utf8');
  return { stdout: text(out.stdout), stderr: text(out.stderr), ...(exit === undefined ? {} : { exit }) };
}

function readCommand(bytes: Uint8Array): RunResponse | undefined {
  try {
    return fromBinary(RunResponseSchema, bytes);
  } catch {
    return undefined;
  }
}

const errorJson = (failure: Failure): JsonObject => ({
  reason: failure.reason,
  message: fromFailure(failure).message.slice(0, 1000),
});

/** Rendered once per finished job. */
const rendered = new WeakMap<object, string>();

/** `toolMessage`, remembered. */
export function toolMessageOf(job: JobState, methods: MethodRegistry): string {
  const key = job.result;
  const known = key && rendered.get(key);
  if (known !== undefined) return known;
  const message = toolMessage(job, methods.byFullName(job.method));
  if (key) rendered.set(key, message);
  return message;
}
