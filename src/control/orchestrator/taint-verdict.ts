// What the taints of a run forbid (until approvals exist, which could allow it): after private content a call leaves only for
// addresses that the owner named; after foreign bytes nothing is changed. Pure.
import type { DescField, DescMessage, Message } from '@bufbuild/protobuf';
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { type OfferedTool, TargetKind } from '../../../gen/bowline/event/v1/event_pb.ts';
import { Effect, Resource, Taint } from '../../../gen/bowline/policy/v1/options_pb.ts';
import { AppError } from '../../base/errors.ts';
import { isHarmless, isOwnMethod, resourceOf } from '../../contract/policy.ts';
import type { CapabilityMethod } from '../../contract/registry.ts';
import { isNamed } from './named-address.ts';
import type { RunState } from './state.ts';
import { originOf } from './taints.ts';

const CHANGING: ReadonlySet<Effect> = new Set([Effect.UNSPECIFIED, Effect.WRITE, Effect.EXECUTE, Effect.ACTUATE]);

/** Throws TAINT_UNTRUSTED or TAINT_PRIVATE for a tool call of a step that needs an approval. */
export function mustBeClean(
  run: RunState,
  step: number,
  tool: OfferedTool,
  method: CapabilityMethod,
  request: Message,
): void {
  // As it was when the tool was offered, so that the verdict stays.
  const { effect } = tool;
  if (CHANGING.has(effect)) {
    const origin = originOf(run, step, Taint.UNTRUSTED);
    if (origin !== undefined) throw new AppError('TAINT_UNTRUSTED', { tool: tool.name, origin });
  }
  if (tool.target !== TargetKind.WORKER || isHarmless(effect)) return;
  const origin = originOf(run, step, Taint.PRIVATE);
  if (origin === undefined) return;
  const field = unnamedField(run, method, request);
  if (field !== undefined) throw new AppError('TAINT_PRIVATE', { tool: tool.name, origin, field });
}

/**
 * The first field that could carry content away. An address must be named; where a method has none, what it is given goes to a
 * service that others run, so each text must stand in the question as it is. A plugin's contract may claim anything of its fields.
 */
function unnamedField(
  { text, hosts }: RunState,
  { desc, fullName }: CapabilityMethod,
  request: Message,
): string | undefined {
  const byAddress = isOwnMethod(fullName) && namesHosts(desc.input);
  for (const { field, value } of contentOf(reflect(desc.input, request))) {
    if (byAddress && resourceOf(field) !== Resource.HOST) continue;
    const named = typeof value === 'string' && (byAddress ? isNamed(value, text, hosts) : text.includes(value.trim()));
    if (!named) return field.jsonName;
  }
  return undefined;
}

const namesHosts = (message: DescMessage): boolean =>
  message.fields.some((field) => resourceOf(field) === Resource.HOST);

interface Content {
  readonly field: DescField;
  readonly value: string | Uint8Array;
}

/** Every text and every bytes of a message, however deep. */
function* contentOf(message: ReflectMessage): Generator<Content> {
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    const found: unknown[] = [];
    if (field.fieldKind === 'list') found.push(...message.get(field));
    else if (field.fieldKind === 'map') for (const [key, value] of message.get(field)) found.push(key, value);
    else if (field.fieldKind !== 'enum') found.push(message.get(field));
    for (const value of found) {
      if (typeof value === 'string' || value instanceof Uint8Array) yield { field, value };
      else if (isReflected(value)) yield* contentOf(value);
    }
  }
}

const isReflected = (value: unknown): value is ReflectMessage =>
  typeof value === 'object' && value !== null && 'fields' in value && 'isSet' in value;
