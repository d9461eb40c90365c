// The result of a tool call as the JSON that a model reads. It shows what is recorded and nothing else; what was withheld
// is named, so that an empty result never looks like a bug.
import { isUtf8 } from 'node:buffer';
import { type DescMessage, type JsonObject, type JsonValue, toJson } from '@bufbuild/protobuf';
import { RunResponseSchema as SandboxResponseSchema } from '../../../../gen/bowline/capability/sandbox/v1/sandbox_pb.ts';
import { RunResponseSchema as ShellResponseSchema } from '../../../../gen/bowline/capability/shell/v1/shell_pb.ts';
import type { Failure } from '../../../../gen/bowline/common/v1/common_pb.ts';
import { fromFailure } from '../../../contract/errors.ts';
import type { CapabilityMethod, MethodRegistry } from '../../../contract/registry.ts';
import { decode } from '../../../contract/wire-meter.ts';
import { withheldJson } from '../../../contract/withheld.ts';
import type { FoldedJob, FoldedRun } from '../run/state.ts';

/** `{"error": {"reason", "message"}}` for a tool call that was not run. */
export const errorMessage = (failure: Failure): string => JSON.stringify({ error: errorJson(failure) });

/**
 * The whole result of a finished tool job: the response in protobuf JSON (`messages` for a streamed one; `stdout`,
 * `stderr` and `exit` for a program, with the files it left), `error` where it failed, `withheld` where something stayed on the box.
 */
export function toolMessage(job: FoldedJob, method: CapabilityMethod | undefined): string {
  const { result } = job;
  if (!result) {
    const reason = job.cancelReason || 'CANCELED';
    const message = job.cancelReason ? `this tool call was stopped (${reason})` : 'this tool call was not run';
    return JSON.stringify({ error: { reason, message, ...noteOf(reason) } });
  }
  const error = result.result.case === 'done' ? result.trailingFailure : result.result.value;
  return JSON.stringify({
    ...(result.result.case === 'done' ? responses(result.result.value.messages, method) : {}),
    ...(error ? { error: errorJson(error) } : {}),
    ...(result.withheld.length > 0 ? { withheld: result.withheld.map(withheldJson) } : {}),
  });
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

/** At most `room` characters of a tool message, still as JSON; `truncated` says so. */
export function clipped(message: string, room: number): string {
  if (message.length <= room) return message;
  const part = message.slice(0, Math.max(room, 0)).toWellFormed();
  return JSON.stringify({ truncated: true, note: 'this is the beginning of the result; the rest is too long', part });
}

function responses(messages: readonly Uint8Array[], method: CapabilityMethod | undefined): JsonObject {
  if (!method) return { error: { reason: 'METHOD_UNKNOWN', message: 'the result cannot be read here' } };
  if (PROGRAMS.has(method.desc.output.typeName)) return programJson(method.desc.output, messages);
  if (method.streaming) return { messages: messages.map((bytes) => responseJson(method.desc.output, bytes)) };
  const [first] = messages;
  const json = first && responseJson(method.desc.output, first);
  return isObject(json) ? json : {};
}

function responseJson(schema: DescMessage, bytes: Uint8Array): JsonValue {
  try {
    return toJson(schema, decode(schema, bytes));
  } catch {
    return { error: { reason: 'INVALID_ARGUMENT', message: 'this part of the result cannot be read' } };
  }
}

/** Responses that stream the output of a program. */
const PROGRAMS: ReadonlySet<string> = new Set([ShellResponseSchema.typeName, SandboxResponseSchema.typeName]);

// Output is bytes in the contract; a model needs text. So are the files that a program leaves.
function programJson(schema: DescMessage, messages: readonly Uint8Array[]): JsonObject {
  const out = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  let exit: JsonObject | undefined;
  for (const bytes of messages) {
    const json = responseJson(schema, bytes);
    if (!isObject(json)) continue;
    if (isObject(json.output)) {
      const { stream, data } = json.output;
      out[stream === 'OUTPUT_STREAM_STDERR' ? 'stderr' : 'stdout'].push(Buffer.from(String(data ?? ''), 'base64'));
    } else if (isObject(json.exit)) exit = json.exit;
  }
  const text = (parts: Buffer[]) => Buffer.concat(parts).toString('utf8');
  const { files, ...rest } = exit ?? {};
  return {
    stdout: text(out.stdout),
    stderr: text(out.stderr),
    ...(exit === undefined ? {} : { exit: rest }),
    ...(Array.isArray(files) ? { files: files.map(fileJson) } : {}),
  };
}

/** A file with its text; of one that is no text only its size. */
function fileJson(file: JsonValue): JsonValue {
  if (!isObject(file) || typeof file.data !== 'string') return file;
  const bytes = Buffer.from(file.data, 'base64');
  const path = file.path ?? '';
  return isUtf8(bytes) ? { path, text: bytes.toString('utf8') } : { path, bytes: bytes.length, note: 'not text' };
}

const isObject = (json: JsonValue | undefined): json is JsonObject =>
  typeof json === 'object' && json !== null && !Array.isArray(json);

const errorJson = (failure: Failure): JsonObject => ({
  reason: failure.reason,
  message: fromFailure(failure).message.slice(0, 1000),
  ...noteOf(failure.reason),
});

/** What a model has to make of an answer of the owner: it would ask again, or say that it was done. */
const NOTES: ReadonlyMap<string, string> = new Map([
  ['APPROVAL_DENIED', 'Do not ask for this again, in other words or by another tool. Say that it was not done.'],
  [
    'APPROVAL_EXPIRED',
    'Do not ask for this again by yourself. Say that it was not done because nobody answered, and that they can ask again.',
  ],
  ['APPROVAL_CHANGED', 'Say that it was not done, and why. Look again before you ask for anything else.'],
  [
    'APPROVALS_OVER',
    'Nothing is changed in this run any more, whatever you ask for. Answer now, and say what was not done.',
  ],
  ['CONFIRMATION_NEEDED', 'The device cannot ask its owner about it. Say that it was not done.'],
]);

const noteOf = (reason: string): JsonObject => {
  const note = NOTES.get(reason);
  return note === undefined ? {} : { note };
};

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
