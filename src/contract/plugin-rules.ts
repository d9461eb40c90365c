// Judges the constraints of a plugin's contract before it is taken: each CEL expression and pattern must compile, and each expression be
// cheap. Otherwise a call would be the first to meet it: its caller, who did not write it, would be told, or everybody would wait.
import { parse } from '@bufbuild/cel';
import { create, type DescField, type DescMessage, type DescService, getOption } from '@bufbuild/protobuf';
import { usedTypes } from '@bufbuild/protobuf/reflect';
import { CompilationError, createValidator } from '@bufbuild/protovalidate';
import {
  type FieldRules,
  field as fieldOption,
  message as messageOption,
  type Rule,
} from '../../gen/buf/validate/validate_pb.ts';
import { AppError } from '../base/errors.ts';
import { dearPart } from './rule-cost.ts';

/** What is wrong whatever a message holds; what else may go wrong with an empty one depends on what it holds. */
const ALWAYS = /^(?:unbound function|field not found|error parsing regexp)/;

/** Throws PLUGIN_INVALID that names the message or field, and the rule. */
export function mustCompile(service: DescService): void {
  const validator = createValidator();
  for (const message of messagesOf(service)) {
    expressions(message.typeName, getOption(message, messageOption));
    for (const field of message.fields) ofField(field, getOption(field, fieldOption));
    // Finds rules of another type than their field has, and names that are not known.
    const { error } = validator.validate(message, create(message));
    if (error instanceof CompilationError || (error && ALWAYS.test(error.message)))
      throw refused(`a rule of ${message.typeName}`, error);
  }
}

function messagesOf(service: DescService): Set<DescMessage> {
  const found = new Set<DescMessage>();
  for (const root of service.methods.flatMap(({ input, output }) => [input, output])) {
    found.add(root);
    for (const used of usedTypes(root)) if (used.kind === 'message') found.add(used);
  }
  return found;
}

function ofField(field: DescField, rules: FieldRules): void {
  const where = `${field.parent.typeName}.${field.name}`;
  expressions(where, rules);
  const { type } = rules;
  if (type.case === 'repeated' && type.value.items) expressions(`an item of ${where}`, type.value.items);
  if (type.case !== 'map') return;
  if (type.value.keys) expressions(`a key of ${where}`, type.value.keys);
  if (type.value.values) expressions(`a value of ${where}`, type.value.values);
}

interface Expressions {
  readonly cel: readonly Rule[];
  readonly celExpression: readonly string[];
}

function expressions(where: string, { cel, celExpression }: Expressions): void {
  const all = [...cel, ...celExpression.map((expression) => ({ id: expression, expression }))];
  for (const { id, expression } of all) {
    const rule = `the rule ${JSON.stringify(id.slice(0, 100))} of ${where}`;
    let dear: string | undefined;
    try {
      dear = dearPart(parse(expression).expr);
    } catch (error) {
      throw refused(rule, error);
    }
    if (dear)
      throw new AppError('PLUGIN_INVALID', { problem: `${rule} ${dear}; check in the worker what no rule can say` });
  }
}

function refused(what: string, cause: unknown): AppError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new AppError(
    'PLUGIN_INVALID',
    { problem: `${what} does not compile: ${why.slice(0, 200)}; mend it in the proto` },
    { cause },
  );
}
