// Reads the tool calls that a model wrote into its text: JSON, a list of it, or the tags that some templates teach. What cannot be read
// names at least its tool, so that the model is told what was wrong with it. Linear in the text.
import { isRecord } from '../../../../../base/is-record.ts';
import { type JsonBounds, jsonProblem, ONE_TURN } from '../../../../../base/json-meter.ts';

export interface WrittenCall {
  readonly name: string;
  readonly argumentsJson: string;
}

/** Calls in one text. */
const MOST_CALLS = 64;

/** Arguments of one call: read, checked and written again in one turn. */
export const MOST_ARGUMENTS: JsonBounds = { ...ONE_TURN, letters: 512 << 10 };

/** The calls of one mark; empty where nothing in it names a tool, or where it is more than one turn can read. */
export function readCalls(text: string, header = ''): WrittenCall[] {
  if (jsonProblem(text, MOST_ARGUMENTS) !== undefined) return [];
  const target = /\bto=(?:functions\.)?([\w.-]{1,128})/.exec(header)?.[1];
  const body = text.trim();
  if (target !== undefined) return [{ name: target, argumentsJson: body === '' ? '{}' : body }];
  const value = parsed(body);
  const calls = (Array.isArray(value) ? value : [value]).slice(0, MOST_CALLS).flatMap(callOf);
  if (calls.length > 0) return calls;
  const tagged = taggedCall(body);
  if (tagged) return [tagged];
  const name = /"name"\s{0,8}:\s{0,8}"([\w.-]{1,128})"/.exec(body)?.[1];
  return name === undefined ? [] : [{ name, argumentsJson: body }];
}

/** `{"name", "arguments"}`, also as `parameters`, as text within JSON, or with the tool in `function`. */
function callOf(value: unknown): WrittenCall[] {
  if (!isRecord(value)) return [];
  const call = isRecord(value.function) ? value.function : value;
  const name =
    typeof call.name === 'string' ? call.name : typeof value.function === 'string' ? value.function : undefined;
  if (name === undefined) return [];
  const given = call.arguments ?? call.parameters ?? value.parameters ?? {};
  return [{ name, argumentsJson: argumentsOf(given) }];
}

/** Arguments as JSON text, however they came. */
export function argumentsOf(given: unknown): string {
  if (typeof given === 'string') return given;
  return given === null || given === undefined ? '' : JSON.stringify(given);
}

/** `<function=name><parameter=key>value</parameter></function>` */
function taggedCall(body: string): WrittenCall | undefined {
  const name = /<function=([\w.-]{1,128})>/.exec(body)?.[1];
  if (name === undefined) return undefined;
  const given: Record<string, unknown> = {};
  for (const part of body.split('<parameter=').slice(1, MOST_CALLS + 1)) {
    const end = part.indexOf('>');
    const close = part.indexOf('</parameter>');
    if (end < 0 || end > 128) continue;
    const value = part.slice(end + 1, close < 0 ? undefined : close).trim();
    given[part.slice(0, end)] = parsed(value) ?? value;
  }
  return { name, argumentsJson: JSON.stringify(given) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
