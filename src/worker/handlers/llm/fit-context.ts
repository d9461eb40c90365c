// Makes a conversation fit a model, in a stated order: long tool results are cut to head and tail, oldest first; older turns are
// summed up into one message by quoting them; what is left of them is dropped. The instructions, the last question and its steps
// stay. Pure; what was done is told.
import { clone, create } from '@bufbuild/protobuf';
import {
  type ChatRequest,
  ChatRequestSchema,
  type ContextFit,
  ContextFitSchema,
  type Message,
  MessageSchema,
  Role,
} from '../../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { sumUp } from './rules/sum-up.ts';
import { textOf } from './rules/transcript.ts';

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
  const weigh = (messages: readonly Message[]) => messages.reduce((sum, message) => sum + weightOf(message, count), 0);
  const tools = request.tools.reduce(
    (sum, { name, description, parametersJson }) => sum + FRAME_TOKENS + count(name + description + parametersJson),
    0,
  );
  const left = room - tools;
  const whole = weigh(request.messages);
  if (whole <= left) return { request, tokens: whole + tools, fit: undefined };

  const fit = create(ContextFitSchema);
  const messages = [...clone(ChatRequestSchema, request).messages];
  const done = (): Fitted => ({
    request: create(ChatRequestSchema, { ...request, messages }),
    tokens: weigh(messages) + tools,
    fit,
  });
  const trimmed = new Set<number>();
  for (const chars of RESULT_CHARS) {
    for (const [index, message] of messages.entries()) {
      if (message.role !== Role.TOOL || !cutResult(message, chars)) continue;
      trimmed.add(index);
      fit.trimmedResults = trimmed.size;
      if (weigh(messages) <= left) return done();
    }
  }

  const { start, end } = earlierTurns(messages);
  const earlier = messages.slice(start, end);
  const rest = [...messages.slice(0, start), ...messages.slice(end)];
  const after = messages.slice(end);
  const before = messages.slice(0, start);
  // As many of the newest turns as possible stay as they are.
  const from = earlier.flatMap(({ role }, index) => (role === Role.USER && index > 0 ? [index] : []));
  for (const kept of [...from, earlier.length]) {
    const summed = earlier.slice(0, kept);
    if (summed.length === 0) break;
    const trial = [...before, ...summaryOf(summed), ...earlier.slice(kept), ...after];
    if (weigh(trial) > left) continue;
    messages.splice(0, messages.length, ...trial);
    fit.summarisedMessages = summed.length;
    return done();
  }
  if (earlier.length === 0 || weigh(rest) > left) return undefined;
  messages.splice(0, messages.length, ...rest);
  fit.droppedMessages = earlier.length;
  return done();
}

/** Every text of a request whose tokens count. */
export function textsOf(request: ChatRequest): string[] {
  return [
    ...request.messages.map(contentOf),
    ...request.tools.map(({ name, description, parametersJson }) => name + description + parametersJson),
  ];
}

const contentOf = (message: Message): string =>
  [textOf(message), ...message.toolCalls.map((call) => call.name + call.argumentsJson)].join('');

const weightOf = (message: Message, count: (text: string) => number): number =>
  FRAME_TOKENS + count(contentOf(message));

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
