// Checks messages against the constraints in their contract (protovalidate). For control plane, workers and CLI; the edge
// has its own small check.
import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { createValidator, type Validator } from '@bufbuild/protovalidate';
import { AppError } from '../base/errors.ts';
import { withoutLongTexts } from './long-texts.ts';
import { surelyKeepsRules } from './plain-rules.ts';

let validator: Validator | undefined;

/** Throws INVALID_ARGUMENT that names the first field that breaks a rule, and the rule. */
export function validate<Desc extends DescMessage>(schema: Desc, message: MessageShape<Desc>): void {
  if (surelyKeepsRules(schema, message)) return;
  validator ??= createValidator();
  const judge = validator;
  const result = withoutLongTexts(schema, message, () => judge.validate(schema, message));
  if (typeof result === 'string') throw new AppError('INVALID_ARGUMENT', { what: result });
  if (result.kind === 'valid') return;
  if (result.kind === 'error') throw result.error;
  const [first] = result.violations;
  const field = first?.field
    .map((step) => ('name' in step ? step.name : ''))
    .filter(Boolean)
    .join('.');
  throw new AppError('INVALID_ARGUMENT', {
    what: `${schema.typeName}${field ? `.${field}` : ''}: ${first?.message ?? 'is invalid'}`,
  });
}
