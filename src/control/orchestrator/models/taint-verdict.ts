// What the taints of a run forbid: after private content a call leaves only for addresses that the owner named; after foreign bytes
// nothing is changed but on a device, whose owner is asked first. Pure.
import type { DescField, Message } from '@bufbuild/protobuf';
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { type OfferedTool, TargetKind } from '../../../../gen/bowline/event/v1/event_pb.ts';
import { Effect, Resource, Taint } from '../../../../gen/bowline/policy/v1/options_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { isHarmless, isOwnMethod, resourceOf } from '../../../contract/policy.ts';
import type { CapabilityMethod } from '../../../contract/registry.ts';
import type { FoldedRun } from '../run/state.ts';
import { isNamed } from './named-address.ts';
import { isPlainNumber, standsWhole } from './own-words.ts';
import { taintOrigin } from './taints.ts';

const CHANGING: ReadonlySet<Effect> = new Set([Effect.UNSPECIFIED, Effect.WRITE, Effect.EXECUTE, Effect.ACTUATE]);

/** What a call must take with it to its device. */
export interface Precaution {
  /** The owner is asked, whatever the configuration of the device permits without. */
  readonly confirm: boolean;
  /** What the run had read before, for the owner. */
  readonly taints: readonly Taint[];
}

/** Whether a call of it changes something on a device, so that its owner may be asked. */
export const changesDevice = ({ effect, target }: OfferedTool): boolean =>
  target === TargetKind.DEVICE && CHANGING.has(effect);

/** Of a tool call of a step: what its device must know of the run. A READ changes nothing but may ask for content; a worker asks nobody. */
export function precaution(run: FoldedRun, step: number, tool: OfferedTool): Precaution {
  if (tool.target !== TargetKind.DEVICE) return { confirm: false, taints: [] };
  const taints = [Taint.PRIVATE, Taint.UNTRUSTED].filter((taint) => taintOrigin(run, step, taint) !== undefined);
  return { confirm: changesDevice(tool) && taints.includes(Taint.UNTRUSTED), taints };
}

/** Throws TAINT_UNTRUSTED or TAINT_PRIVATE for a tool call of a step that nobody could be asked about. */
export function mustBeClean(
  run: FoldedRun,
  step: number,
  tool: OfferedTool,
  method: CapabilityMethod,
  request: Message,
): void {
  // As it was when the tool was offered, so that the verdict stays.
  const { effect } = tool;
  if (CHANGING.has(effect) && !changesDevice(tool)) {
    const origin = taintOrigin(run, step, Taint.UNTRUSTED);
    if (origin !== undefined) throw new AppError('TAINT_UNTRUSTED', { tool: tool.name, origin });
  }
  if (tool.target !== TargetKind.WORKER || isHarmless(effect)) return;
  const origin = taintOrigin(run, step, Taint.PRIVATE);
  if (origin === undefined) return;
  const field = unnamedField(run, method, request);
  if (field !== undefined) throw new AppError('TAINT_PRIVATE', { tool: tool.name, origin, field });
}

/** Different values of one call that are judged; an address is looked for among all words, so it counts as several. More is too much. */
const MAX_JUDGED = 32;
const ADDRESS_COSTS = 6;

/**
 * The first field that could carry content away: every text, bytes and number is judged, whatever its name. An address must be
 * named; any other text must stand in the ask whole. What a plugin's contract says of its fields is a claim, so there an
 * address is a text like any other.
 */
function unnamedField(
  { text, hosts }: FoldedRun,
  { desc, fullName }: CapabilityMethod,
  request: Message,
): string | undefined {
  const own = isOwnMethod(fullName);
  const judged = new Set<string>();
  let left = MAX_JUDGED;
  for (const { field, value } of outbound(reflect(desc.input, request))) {
    const isAddress = own && resourceOf(field) === Resource.HOST;
    const known = `${isAddress} ${typeof value} ${value}`;
    if (judged.has(known)) continue;
    judged.add(known);
    left -= isAddress ? ADDRESS_COSTS : 1;
    if (left < 0 || !isOwnersWord(value, isAddress, text, hosts)) return field.jsonName;
  }
  return undefined;
}

function isOwnersWord(value: Outbound['value'], isAddress: boolean, text: string, hosts: readonly string[]): boolean {
  if (typeof value === 'number' || typeof value === 'bigint') return isPlainNumber(value, text);
  if (typeof value !== 'string') return false;
  return isAddress ? isNamed(value, text, hosts) : standsWhole(value, text);
}

interface Outbound {
  readonly field: DescField;
  readonly value: string | Uint8Array | number | bigint;
}

/** Every text, bytes and number of a message, however deep; a choice of the contract (a bool, an enum) is none. */
function* outbound(message: ReflectMessage): Generator<Outbound> {
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    const found: unknown[] = [];
    if (field.fieldKind === 'list') found.push(...(field.listKind === 'enum' ? [] : message.get(field)));
    else if (field.fieldKind === 'map') for (const [key, value] of message.get(field)) found.push(key, value);
    else if (field.fieldKind !== 'enum') found.push(message.get(field));
    for (const value of found) {
      if (isScalar(value)) yield { field, value };
      else if (isReflected(value)) yield* outbound(value);
    }
  }
}

const isScalar = (value: unknown): value is Outbound['value'] =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' || value instanceof Uint8Array;

const isReflected = (value: unknown): value is ReflectMessage =>
  typeof value === 'object' && value !== null && 'fields' in value && 'isSet' in value;
