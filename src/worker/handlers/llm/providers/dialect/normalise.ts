// Turns what an OpenAI-compatible server says, in whatever dialect, into the chunks of the schema: one choice, numbers as numbers, ids as
// text, thoughts and tool calls out of the text, and one end. It decides whether an answer is whole. Tool calls in fields of their own
// are told whole at the end: piece by piece, what reads them would parse all of a call again with each. No I/O.
import { countOf } from '../../../../../base/count.ts';
import { AppError } from '../../../../../base/errors.ts';
import { isRecord } from '../../../../../base/is-record.ts';
import { JsonMeter } from '../../../../../base/json-meter.ts';
import { FINISHES, REASONING_FIELDS } from './dialects.ts';
import { argumentsOf, MOST_ARGUMENTS, readCalls } from './read-call.ts';
import { type Said, type SplitOptions, TextSplitter } from './split-model-text.ts';

type Json = Record<string, unknown>;

/** Tool calls of one answer. */
const MOST_CALLS = 256;

interface Called {
  id: string | undefined;
  name: string | undefined;
  readonly pieces: string[];
  readonly meter: JsonMeter;
}

export class Normaliser {
  readonly #splitter: TextSplitter;
  #choice: number | undefined;
  #finish: string | undefined;
  #usage: Json | undefined;
  /** The server said that nothing more comes. */
  #done = false;
  #broken = false;
  #failed = false;
  /** Something was passed on. */
  #said = false;
  /** Something came, if only to be held back. */
  #spoke = false;
  #calls = 0;
  #lastCall = -1;
  readonly #callOf = new Map<string, number>();
  /** Calls in fields of their own, by their place. */
  readonly #called = new Map<number, Called>();

  constructor(options: SplitOptions) {
    this.#splitter = new TextSplitter(options);
  }

  /** Whether all has come that matters; what comes after it is not looked at. */
  get isWhole(): boolean {
    return this.#failed || (this.#finish !== undefined && (this.#done || this.#usage !== undefined));
  }

  /** The end was told, if not yet what was used. */
  get hasFinish(): boolean {
    return this.#finish !== undefined;
  }

  /** The answer began within thoughts that nothing had opened. */
  get unopened(): boolean {
    return this.#splitter.unopened;
  }

  /** The chunks of one event; to be taken to the end. Throws MODEL_OUTPUT_INVALID for a call beyond every bound. */
  *push(data: string): Iterable<Json> {
    if (this.isWhole) return;
    if (data.trim() === '[DONE]') {
      this.#done = true;
      return;
    }
    let value: unknown;
    try {
      value = JSON.parse(data);
    } catch {
      // A word that keeps the connection alive, or half of something.
      if (/^\s*[{[]/.test(data)) this.#broken = true;
      return;
    }
    if (isRecord(value)) yield* this.#chunk(value);
  }

  /** Whether the beginning of the answer is held back. */
  get holds(): boolean {
    return this.#splitter.isHeld;
  }

  /** The beginning was held back long enough. */
  release(): Json[] {
    return this.#told(this.#splitter.release(), {});
  }

  /** What is left, then the end, or why there is none. */
  end(): Json[] {
    if (this.#failed) return [];
    const rest = [...this.#told(this.#splitter.end(), {})];
    const half =
      this.#finish === 'half' ||
      (this.#finish === undefined && !(this.#done && this.#said)) ||
      (this.#broken && this.#finish === undefined);
    if (half) {
      const message = 'the answer ended before it was complete';
      return [...rest, { error: { message, type: null, code: null } }];
    }
    const asked = this.#calls > 0 && (this.#finish === 'stop' || this.#finish === undefined);
    const reason = asked ? 'tool_calls' : (this.#finish ?? 'stop');
    const choices = [{ index: 0, delta: {}, finish_reason: reason }];
    return [...rest, ...this.#wholeCalls(), { choices, ...(this.#usage ? { usage: this.#usage } : {}) }];
  }

  #wholeCalls(): Json[] {
    return [...this.#called].map(([index, { id, name, pieces }]) => ({
      choices: [{ index: 0, delta: callDelta(index, id, name, pieces.join('')) }],
    }));
  }

  *#chunk(value: Json): Iterable<Json> {
    const problem = value.error ?? (value.object === 'error' ? value : undefined);
    if (isRecord(problem) || (typeof problem === 'string' && problem !== '')) {
      // After its end an answer is whole, whatever else happens.
      if (this.#finish !== undefined && this.#finish !== 'half') return;
      this.#failed = true;
      yield { error: isRecord(problem) ? errorOf(problem) : { message: problem as string, type: null, code: null } };
      return;
    }
    const choices = value.choices ?? [];
    if (!Array.isArray(choices)) {
      this.#broken = true;
      return;
    }
    const usage = usageOf(value.usage);
    if (usage) this.#usage = usage;
    const choice = choices.filter(isRecord).find((each) => this.#isChosen(each));
    if (!choice) {
      // With what was used and nothing else the answer has ended.
      if (usage && (this.#said || this.#spoke)) this.#done = true;
      return;
    }
    yield* this.#delta(choice, value);
    const finish = choice.finish_reason ?? choice.stop_reason;
    if (typeof finish === 'string' && finish !== '') this.#finish = FINISHES[finish.toLowerCase()] ?? 'stop';
  }

  /** The first choice that speaks is the answer; others are not mixed in. */
  #isChosen(choice: Json): boolean {
    const index = countOf(choice.index) ?? 0;
    this.#choice ??= index;
    return index === this.#choice;
  }

  *#delta(choice: Json, { id, model, created }: Json): Iterable<Json> {
    const whole = !isRecord(choice.delta) && isRecord(choice.message);
    // A server that says all of it once more at the end.
    if (whole && this.#spoke) return;
    const delta = isRecord(choice.delta)
      ? choice.delta
      : isRecord(choice.message)
        ? choice.message
        : { content: choice.text };
    const about = {
      ...(typeof id === 'string' ? { id } : {}),
      ...(typeof model === 'string' ? { model } : {}),
      ...(typeof created === 'number' ? { created } : {}),
    };
    const thought = thoughtOf(delta);
    const { text, thought: inside } = contentOf(delta.content);
    this.#spoke ||= text !== '' || this.#said;
    const more = isRecord(choice.logprobs) ? { logprobs: choice.logprobs } : {};
    let first = true;
    const told = (said: readonly Said[]) => {
      const chunks = this.#told(said, about, first ? more : {});
      first &&= chunks.length === 0;
      return chunks;
    };
    if (thought + inside !== '') yield* told([{ kind: 'thought', text: thought + inside }]);
    for (let at = 0; at < text.length; at += PIECE) yield* told(this.#splitter.push(text.slice(at, at + PIECE)));
    const refusal = typeof delta.refusal === 'string' ? delta.refusal : '';
    yield* told(refusal === '' ? [] : [{ kind: 'text', text: refusal }]);
    this.#nativeCalls(delta);
  }

  #told(said: readonly Said[], about: Json, more: Json = {}): Json[] {
    const chunks = said.flatMap((each) => {
      this.#said = true;
      if (each.kind === 'text') return [{ content: each.text }];
      if (each.kind !== 'call') return [{ reasoning_content: each.text }];
      const calls = readCalls(each.text, each.header);
      // What names no tool is what the model said.
      if (calls.length === 0) return [{ content: each.text }];
      return calls.map(({ name, argumentsJson }) => this.#nextCall(name, argumentsJson));
    });
    const known = chunks.filter((delta) => delta !== undefined);
    if (known.length === 0 && more.logprobs) known.push({});
    return known.map((delta, at) => ({ ...about, choices: [{ index: 0, delta, ...(at === 0 ? more : {}) }] }));
  }

  /** The next call that is counted; undefined beyond the most. */
  #nextCall(name: string, argumentsJson: string): Json | undefined {
    const index = ++this.#lastCall;
    return ++this.#calls > MOST_CALLS ? undefined : callDelta(index, `call_${this.#calls}`, name, argumentsJson);
  }

  /** Calls in fields of their own: with ids and places of any kind, arguments as text or as an object. */
  #nativeCalls(delta: Json): void {
    const legacy = isRecord(delta.function_call) ? [{ function: delta.function_call }] : [];
    const given = delta.tool_calls ?? legacy;
    for (const call of (Array.isArray(given) ? given : [given]).filter(isRecord)) {
      const called = isRecord(call.function) ? call.function : call;
      const name = typeof called.name === 'string' && called.name !== '' ? called.name : undefined;
      const id = typeof call.id === 'string' || typeof call.id === 'number' ? String(call.id) : '';
      const index = this.#placeOf(countOf(call.index), id, name);
      if (name !== undefined && ++this.#calls > MOST_CALLS) continue;
      this.#said = true;
      this.#addTo(
        index,
        name === undefined ? undefined : id || `call_${index + 1}`,
        name,
        argumentsOf(called.arguments),
      );
    }
  }

  #addTo(index: number, id: string | undefined, name: string | undefined, piece: string): void {
    const call = this.#called.get(index) ?? { id, name, pieces: [], meter: new JsonMeter(MOST_ARGUMENTS) };
    this.#called.set(index, call);
    const problem = call.meter.push(piece);
    if (problem !== undefined)
      throw new AppError('MODEL_OUTPUT_INVALID', { problem: `the arguments of a tool call have ${problem}` });
    call.pieces.push(piece);
  }

  /** Some servers give all calls one place, or none: a new name is a new call, and a piece without one goes on with the last. */
  #placeOf(index: number | undefined, id: string, name: string | undefined): number {
    const key = index === undefined ? (id === '' ? undefined : `id ${id}`) : `at ${index}`;
    const known = key === undefined ? undefined : this.#callOf.get(key);
    if (name === undefined) return known ?? Math.max(this.#lastCall, 0);
    const place = ++this.#lastCall;
    if (key !== undefined && this.#callOf.size < MOST_CALLS) this.#callOf.set(key, place);
    return place;
  }
}

function callDelta(index: number, id: string | undefined, name: string | undefined, argumentsJson: string): Json {
  const called = { ...(name === undefined ? {} : { name }), arguments: argumentsJson };
  return { tool_calls: [{ index, ...(id === undefined ? {} : { id, type: 'function' }), function: called }] };
}

/** Letters that are taken apart at once. */
const PIECE = 4096;

function thoughtOf(delta: Json): string {
  for (const field of REASONING_FIELDS)
    if (typeof delta[field] === 'string' && delta[field] !== '') return delta[field];
  const details = Array.isArray(delta.reasoning_details) ? delta.reasoning_details : [];
  return details.map((each: unknown) => (isRecord(each) && typeof each.text === 'string' ? each.text : '')).join('');
}

/** Content is text, or a list of parts, of which some are thoughts. */
function contentOf(content: unknown): { text: string; thought: string } {
  if (typeof content === 'string') return { text: content, thought: '' };
  let [text, thought] = ['', ''];
  for (const part of Array.isArray(content) ? content : []) {
    if (typeof part === 'string') text += part;
    else if (!isRecord(part)) continue;
    else if (part.type === 'thinking' || part.type === 'reasoning') thought += textWithin(part.thinking ?? part.text);
    else if (typeof part.text === 'string') text += part.text;
  }
  return { text, thought };
}

function textWithin(value: unknown): string {
  if (typeof value === 'string') return value;
  return (Array.isArray(value) ? value : [])
    .map((part) => (isRecord(part) && typeof part.text === 'string' ? part.text : ''))
    .join('');
}

function usageOf(value: unknown): Json | undefined {
  if (!isRecord(value)) return undefined;
  const prompt = countOf(value.prompt_tokens ?? value.input_tokens);
  const completion = countOf(value.completion_tokens ?? value.output_tokens);
  if (prompt === undefined && completion === undefined) return undefined;
  const details = isRecord(value.prompt_tokens_details) ? value.prompt_tokens_details : {};
  const cached = countOf(details.cached_tokens ?? value.prompt_cache_hit_tokens);
  return {
    ...(prompt === undefined ? {} : { prompt_tokens: prompt }),
    ...(completion === undefined ? {} : { completion_tokens: completion }),
    ...(cached === undefined ? {} : { prompt_tokens_details: { cached_tokens: cached } }),
  };
}

const errorOf = ({ message, type, code }: Json): Json => ({
  message: typeof message === 'string' ? message : 'it gave no reason',
  type: typeof type === 'string' ? type : null,
  code: typeof code === 'string' || typeof code === 'number' ? code : null,
});
