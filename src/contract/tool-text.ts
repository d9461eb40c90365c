// What a tool came to as the JSON that a model reads, in the cloud and on the box. It shows what is there and nothing else; what was
// withheld is named, so that an empty result never looks like a bug.
import { isUtf8 } from 'node:buffer';
import { type DescMessage, type JsonObject, type JsonValue, toJson } from '@bufbuild/protobuf';
import type { Failure } from '../../gen/bowline/common/v1/common_pb.ts';
import type { Withheld } from '../../gen/bowline/run/v1/run_pb.ts';
import { fromFailure } from './errors.ts';
import type { CapabilityMethod } from './registry.ts';
import { decode } from './wire-meter.ts';
import { withheldJson } from './withheld.ts';

/** What a tool call came to. */
export interface ToolAnswer {
  /** Absent where it never ran. */
  readonly responses: readonly Uint8Array[] | undefined;
  readonly failure: Failure | undefined;
  readonly withheld: readonly Withheld[];
}

/**
 * The whole answer: the response in protobuf JSON (`messages` for a streamed one; `stdout`, `stderr` and `exit` for a program, with
 * the files it left), `error` where it failed, `withheld` where something stayed on the box.
 */
export const toolText = (answer: ToolAnswer, method: CapabilityMethod | undefined): string =>
  JSON.stringify({
    ...(answer.responses ? responses(answer.responses, method) : {}),
    ...(answer.failure ? { error: errorJson(answer.failure) } : {}),
    ...(answer.withheld.length > 0 ? { withheld: answer.withheld.map(withheldJson) } : {}),
  });

/** `{"error": {"reason", "message"}}` for a tool call that was not run. */
export const errorMessage = (failure: Failure): string => JSON.stringify({ error: errorJson(failure) });

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

/** Responses that stream the output of a program, by their names: a box has no room for contracts that it does not serve. */
const PROGRAMS: ReadonlySet<string> = new Set([
  'bowline.capability.shell.v1.RunResponse',
  'bowline.capability.sandbox.v1.RunResponse',
]);

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

/** What a model has to make of a reason; nothing for most. */
export const noteOf = (reason: string): JsonObject => {
  const note = NOTES.get(reason);
  return note === undefined ? {} : { note };
};
