// Answers that must match a JSON Schema: asks for them where the model cannot be bound, and checks every one. Neither a schema nor
// an answer can hold the event loop for longer than the check is given.
import { Script } from 'node:vm';
import { clone, create } from '@bufbuild/protobuf';
import { type Schema, Validator } from '@cfworker/json-schema';
import {
  type ChatRequest,
  ChatRequestSchema,
  MessageSchema,
  Role,
} from '../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { AppError } from '../../../base/errors.ts';

/** The schema of a request; undefined where free text is wanted. Throws INVALID_ARGUMENT. */
export function outputSchema({ outputSchemaJson }: ChatRequest): Schema | undefined {
  if (outputSchemaJson === '') return undefined;
  let schema: unknown;
  try {
    schema = JSON.parse(outputSchemaJson);
  } catch (cause) {
    throw new AppError('INVALID_ARGUMENT', { what: 'output_schema_json is not JSON' }, { cause });
  }
  if (typeof schema === 'object' && schema !== null && !Array.isArray(schema)) return schema as Schema;
  throw new AppError('INVALID_ARGUMENT', { what: 'output_schema_json is not a JSON Schema object' });
}

/** The same request with the schema in its instructions, for a model that nothing else binds. */
export function askedFor(request: ChatRequest): ChatRequest {
  const asked = clone(ChatRequestSchema, request);
  const value = `Answer with JSON alone, without any other word, that matches this JSON Schema:\n${request.outputSchemaJson}`;
  const last = asked.messages.findLastIndex(({ role }, index) => role === Role.SYSTEM && index <= leading(request));
  asked.messages.splice(
    last + 1,
    0,
    create(MessageSchema, { role: Role.SYSTEM, parts: [{ part: { case: 'text', value } }] }),
  );
  return asked;
}

const leading = ({ messages }: ChatRequest): number => messages.findIndex(({ role }) => role !== Role.SYSTEM);

const FENCE = '```';
/** How long one check may take: patterns of a schema can be made to take for ever. */
const CHECK_MS = 500;

/** The JSON of an answer, without the fence that some models put around it. Throws MODEL_OUTPUT_INVALID. */
export function checkedOutput(answer: string, schema: Schema): string {
  const text = unfenced(answer.trim());
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new AppError('MODEL_OUTPUT_INVALID', { problem: 'it is not JSON, and a schema was given' });
  }
  let broken: readonly string[];
  try {
    const { valid, errors } = withinTime(() => new Validator(schema, '2020-12').validate(value));
    if (valid) return text;
    broken = errors.map(({ keyword }) => keyword);
  } catch (cause) {
    // E.g. a reference to nowhere, or a pattern without end.
    throw new AppError('INVALID_ARGUMENT', { what: 'output_schema_json cannot be used' }, { cause });
  }
  // Keywords of the schema; the places that the validator names may hold what the model said.
  const problem = `it breaks the schema (${[...new Set(broken)].slice(0, 8).join(', ')})`;
  throw new AppError('MODEL_OUTPUT_INVALID', { problem });
}

/** What stands in a fence that is around all of it. By index: a pattern for it would take for ever on many empty lines. */
function unfenced(text: string): string {
  const begin = text.indexOf('\n');
  if (begin < 0 || !text.startsWith(FENCE) || !text.endsWith(FENCE) || text.length < begin + FENCE.length) return text;
  const label = text.slice(FENCE.length, begin).trim();
  return label === '' || label === 'json' ? text.slice(begin, -FENCE.length).trim() : text;
}

/** The timeout of a script ends whatever runs within it, regular expressions too. Throws after CHECK_MS. */
function withinTime<T>(work: () => T): T {
  let result: T | undefined;
  const run = () => {
    result = work();
  };
  new Script('run()').runInNewContext({ run }, { timeout: CHECK_MS });
  return result as T;
}
