// Help for `call`: the methods there are, and the request of one, from the contract.
import { Effect, EffectSchema } from '../../gen/bowline/policy/v1/options_pb.ts';
import type { CapabilityMethod, MethodRegistry } from '../contract/registry.ts';
import { methodDescription, requestSchema } from '../contract/tool-schema.ts';
import { enumText } from './plain.ts';

/** One line a method. */
export function methodsHelp({ all }: MethodRegistry): string {
  const width = Math.max(...all.map(({ shortName }) => shortName.length));
  const lines = all.map(
    (method) => `  ${method.shortName.padEnd(width)}  ${firstSentence(methodDescription(method.desc))}`,
  );
  return `Methods:\n${lines.join('\n')}\n`;
}

/** What a method does and the JSON Schema of its request. */
export function methodHelp(method: CapabilityMethod): string {
  const effect = method.effect === Effect.UNSPECIFIED ? 'not stated' : enumText(EffectSchema, method.effect);
  const facts = [
    `effect: ${effect}`,
    method.idempotent ? 'may be repeated' : 'not repeated by itself',
    method.streaming ? 'streams its response' : 'one response',
  ];
  const schema = JSON.stringify(requestSchema(method.desc), undefined, 2);
  return `${method.shortName}  (${method.fullName})

${methodDescription(method.desc)}
${facts.join(', ')}

Request (--data), as JSON Schema:
${schema}

Example:
  $ bowline call ${method.shortName} --data '${JSON.stringify(exampleOf(requestSchema(method.desc)))}'
`;
}

const firstSentence = (text: string): string => /^.*?[.](?=\s|$)/s.exec(text)?.[0] ?? text;

/** The required fields, or the first one, with a value of the right kind. */
function exampleOf(schema: Record<string, unknown>): Record<string, unknown> {
  const properties = Object.entries((schema.properties ?? {}) as Record<string, Record<string, unknown>>);
  const required = (schema.required ?? []) as string[];
  const shown = required.length > 0 ? properties.filter(([name]) => required.includes(name)) : properties.slice(0, 1);
  return Object.fromEntries(shown.map(([name, field]) => [name, valueFor(field)]));
}

function valueFor(field: Record<string, unknown>): unknown {
  if (Array.isArray(field.enum)) return field.enum[1] ?? field.enum[0];
  switch (field.type) {
    case 'array':
      return [valueFor(field.items as Record<string, unknown>)];
    case 'object':
      return exampleOf(field);
    case 'integer':
    case 'number':
      return 1;
    case 'boolean':
      return true;
    default:
      return '...';
  }
}
