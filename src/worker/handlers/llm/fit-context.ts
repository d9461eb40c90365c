// Makes a conversation fit a model, in a stated order: long tool results are cut to head and tail, oldest first; older turns are
// summed up into one message by quoting them; what is left of them is dropped, and then the older steps of this turn. The
// instructions, the last question and its last step stay. Pure; what was done is told.
import { clone, create } from '@bufbuild/protobuf';
import {
  type ChatRequest,
  ChatRequestSchema,
  type ContextFit,
  ContextFitSchema,
  type Message,
  MessageSchema,
  Role,
  type ToolDefinition,
} from '../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { sumUp } from '../../../rules/sum-up.ts';
import { textOf } from '../../../rules/transcript.ts';

/** Tokens that a message or a tool costs beside its texts. */
const FRAME_TOKENS = 6;
/** Characters that tool results are cut to, one after the other until the conversation fits. */
const RESULT_CHARS = [16_000, 4_000, 1_000, 300];
/** Share of a cut result that its head keeps; the rest is its tail. */
const HEAD_SHARE = 0.75;
/** How the summary of older turns is asked for; what a model wrote stays its own words. */
const SUMMARY_QUESTION =
  'What did we say earlier in this conversation? (Answered by quoting it; the rest was left out.)';

export interface Fitted {
  readonly request: ChatRequest;
  /** Tokens of it, as counted. */
  readonly tokens: number;
  /** Undefined where nothing was changed. */
  readonly fit: ContextFit | undefined;
}

/** A request of at most `room` tokens as `count` counts them; undefined where that cannot be. The given one is not changed. */
export function fitContext(request: ChatRequest, room: number, count: (text: string) => number): Fitted | undefined {
  const weigh = (message: Message) => FRAME_TOKENS + count(contentOf(message));
  const tools = sum(request.tools.map((tool) => FRAME_TOKENS + count(definitionOf(tool))));
  const left = room - tools;
  // Each message is weighed once, and again where it is changed: there may be thousands.
  const weights = request.messages.map(weigh);
  let total = sum(weights);
  if (total <= left) return { request, tokens: total + tools, fit: undefined };

  const fit = create(ContextFitSchema);
  const { messages } = clone(ChatRequestSchema, request);
  const done = (kept: Message[], tokens: number): Fitted => ({
    request: create(ChatRequestSchema, { ...request, messages: kept }),
    tokens: tokens + tools,
    fit,
  });
  const trimmed = new Set<number>();
  for (const chars of RESULT_CHARS) {
    for (const [index, message] of messages.entries()) {
      if (message.role !== Role.TOOL || !cutResult(message, chars)) continue;
      trimmed.add(index);
      fit.trimmedResults = trimmed.size;
      total -= weights[index]!;
      weights[index] = weigh(message);
      total += weights[index];
      if (total <= left) return done(messages, total);
    }
  }

  const { start, end } = earlierTurns(messages);
  // As many of the newest turns as possible stay as they are; a summary is made only where it may have room.
  let rest = total;
  let lightest = 0;
  for (let from = start; from < end; ) {
    do rest -= weights[from++]!;
    while (from < end && messages[from]!.role !== Role.USER);
    if (from < end && rest + lightest > left) continue;
    const summary = summaryOf(messages.slice(start, from));
    lightest = sum(summary.map(weigh));
    if (rest + lightest > left) continue;
    fit.summarisedMessages = from - start;
    return done([...messages.slice(0, start), ...summary, ...messages.slice(from)], rest + lightest);
  }

  const [first = messages.length, ...later] = stepsAfter(messages, end);
  let next = first;
  for (const step of later) {
    if (rest <= left) break;
    while (next < step) rest -= weights[next++]!;
  }
  if (rest > left) return undefined;
  fit.droppedMessages = end - start + next - first;
  return done([...messages.slice(0, start), ...messages.slice(end, first), ...messages.slice(next)], rest);
}

/** Every text of a request whose tokens count. */
export function textsOf(request: ChatRequest): string[] {
  return [...request.messages.map(contentOf), ...request.tools.map(definitionOf)];
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

const definitionOf = ({ name, description, parametersJson }: ToolDefinition): string =>
  name + description + parametersJson;

const contentOf = (message: Message): string =>
  [textOf(message), ...message.toolCalls.map((call) => call.name + call.argumentsJson)].join('');

/** Cuts a longer result to head and tail, still as JSON, like the planner does; tells whether it was longer. */
function cutResult(message: Message, chars: number): boolean {
  const text = textOf(message);
  if (text.length <= chars + 200) return false;
  const head = Math.floor(chars * HEAD_SHARE);
  const note = 'this result was too long for the model; its middle is left out';
  const part = text.slice(0, head).toWellFormed();
  const tail = text.slice(head - chars).toWellFormed();
  const value = JSON.stringify({ truncated: true, note, part, tail });
  if (value.length >= text.length) return false;
  message.parts = create(MessageSchema, { parts: [{ part: { case: 'text', value } }] }).parts;
  return true;
}

/** The turns between the instructions and the last question. */
function earlierTurns(messages: readonly Message[]): { start: number; end: number } {
  const start = messages.findIndex(({ role }) => role !== Role.SYSTEM);
  const end = messages.findLastIndex(({ role }) => role === Role.USER);
  return start < 0 || end < start ? { start: 0, end: 0 } : { start, end };
}

/** Where the steps of the last question begin, each a message of the model and the results of its calls. */
function stepsAfter(messages: readonly Message[], question: number): number[] {
  if (messages[question]?.role !== Role.USER) return [];
  return messages.flatMap(({ role }, index) => (index > question && role === Role.ASSISTANT ? [index] : []));
}

function summaryOf(turns: readonly Message[]): Message[] {
  const said = turns.flatMap((message) => {
    const text = textOf(message);
    if (text === '') return [];
    if (message.role === Role.USER) return [`Owner: ${text}`];
    return message.role === Role.ASSISTANT ? [`Bowline: ${text}`] : [];
  });
  const message = (role: Role, value: string) =>
    create(MessageSchema, { role, parts: [{ part: { case: 'text', value } }] });
  return [message(Role.USER, SUMMARY_QUESTION), message(Role.ASSISTANT, sumUp(said.join('\n\n')))];
}
