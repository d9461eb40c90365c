// A model that its owner runs on this box, spoken to as OpenAI's chat completions are. Its address is of this machine and is dialled as it
// is written: no name is looked up, no proxy is used, no redirect is followed. Plain node:http is enough for that, and takes no memory.
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { create } from '@bufbuild/protobuf';
import {
  type ChatRequest,
  type ChatResponse,
  ChatResponseSchema,
  FinishReason,
  type Message,
  Role,
} from '../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { ModelInfoSchema } from '../../../gen/bowline/common/v1/common_pb.ts';
import { AppError } from '../../base/errors.ts';
import { bareHost, portOf } from '../../base/host.ts';
import { boundInterimAnswers } from '../../base/interim-answers.ts';
import { methodDescription, requestSchema } from '../../contract/tool-schema.ts';
import type { LocalModelEntry } from '../config/local-model-entry.ts';
import { type Answerer, localModelCalled } from './answerer.ts';

/** How long nothing may come: a small machine thinks long before the first word. */
const SILENT_MS = 10 * 60_000;
/** Characters of one event, and of all that one answer sends. */
const MOST_EVENT_CHARS = 1 << 20;
const MOST_CHARS = 16 << 20;

/** @param key shown to the server as a bearer key; empty: none */
export function localModel(entry: LocalModelEntry, key: () => string): Answerer {
  const info = create(ModelInfoSchema, { provider: 'local', name: entry.model.slice(0, 128), local: true });
  return {
    info,
    called: localModelCalled(entry),
    describe: ({ desc }) => ({
      description: methodDescription(desc),
      parametersJson: JSON.stringify(requestSchema(desc)),
    }),
    async *chat(request, signal) {
      const response = await post(entry, key(), bodyOf(request, entry.model), signal);
      if (response.statusCode !== 200) throw await refused(response);
      const answer = new ChatAnswer();
      if (/\bapplication\/json\b/.test(response.headers['content-type'] ?? '')) {
        yield* answer.take(parsed(await whole(response, MOST_CHARS)));
      } else for await (const event of events(response)) yield* answer.take(event);
      yield* answer.end();
    },
  };
}

function post(entry: LocalModelEntry, key: string, body: string, signal: AbortSignal): Promise<IncomingMessage> {
  const url = new URL(entry.url);
  const { pathname } = url;
  return new Promise((resolve, reject) => {
    const sent = httpRequest({
      host: bareHost(url.hostname),
      port: portOf(url),
      path: `${pathname.endsWith('/') ? pathname.slice(0, -1) : pathname}/chat/completions`,
      method: 'POST',
      agent: false,
      signal,
      headers: {
        'content-type': 'application/json',
        accept: 'text/event-stream',
        'content-length': Buffer.byteLength(body),
        ...(key !== '' && { authorization: `Bearer ${key}` }),
      },
    });
    sent.setTimeout(SILENT_MS, () => sent.destroy(new Error('it was silent for too long')));
    boundInterimAnswers(sent);
    sent.on('response', resolve);
    sent.on('error', (cause: Error) => {
      if (signal.aborted) reject(signal.reason);
      else reject(unavailable('code' in cause ? String(cause.code) : cause.message, cause));
    });
    sent.end(body);
  });
}

const unavailable = (problem: string, cause?: unknown) =>
  new AppError('PROVIDER_UNAVAILABLE', { provider: 'local', problem }, { cause });

async function refused(response: IncomingMessage): Promise<AppError> {
  const said = await whole(response, 2000).catch(() => '');
  const problem = `HTTP ${response.statusCode} ${said.slice(0, 300)}`.trim();
  return new AppError('PROVIDER_REFUSED', { provider: 'local', problem });
}

async function whole(response: IncomingMessage, most: number): Promise<string> {
  response.setEncoding('utf8');
  let text = '';
  for await (const piece of response) {
    text += piece;
    if (text.length > most) throw unavailable('its answer is too long');
  }
  return text;
}

/** The JSON of each `data:` line, to `[DONE]` or the end. */
async function* events(response: IncomingMessage): AsyncGenerator<unknown> {
  response.setEncoding('utf8');
  let [rest, chars] = ['', 0];
  try {
    for await (const piece of response) {
      chars += String(piece).length;
      // Only what came is looked through: a long line may come one letter at a time.
      const [first = '', ...others] = String(piece).split('\n');
      const lines = [rest + first, ...others];
      rest = lines.pop() ?? '';
      if (rest.length > MOST_EVENT_CHARS || chars > MOST_CHARS) throw unavailable('its answer is too long');
      for (const line of lines) {
        if (!line.startsWith('data:')) continue;
        const data = line.slice(5).trim();
        if (data === '[DONE]') return;
        if (data !== '') yield parsed(data);
      }
    }
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw unavailable('the connection broke', cause);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unavailable('it answered with something that is no JSON');
  }
}

/** What a server says, as far as it is text and tool calls. Whatever else stands there is passed over. */
class ChatAnswer {
  readonly #calls = new Map<number, { name: string; argumentsJson: string }>();

  *take(event: unknown): Generator<ChatResponse> {
    if (field(event, 'error') !== undefined)
      throw unavailable(String(field(field(event, 'error'), 'message') ?? 'an error').slice(0, 300));
    const [choice] = listOf(field(event, 'choices'));
    const said = field(choice, 'delta') ?? field(choice, 'message');
    const text = field(said, 'content');
    if (typeof text === 'string' && text !== '')
      yield create(ChatResponseSchema, { event: { case: 'text', value: { text: text.toWellFormed() } } });
    for (const [at, call] of listOf(field(said, 'tool_calls')).entries()) this.#call(at, call);
  }

  *end(): Generator<ChatResponse> {
    for (const [at, { name, argumentsJson }] of [...this.#calls].sort(([a], [b]) => a - b))
      yield create(ChatResponseSchema, {
        event: { case: 'toolCall', value: { id: `call_${at}`, name, argumentsJson } },
      });
    const reason = this.#calls.size > 0 ? FinishReason.TOOL_CALLS : FinishReason.STOP;
    yield create(ChatResponseSchema, { event: { case: 'finish', value: { reason } } });
  }

  #call(at: number, call: unknown): void {
    const index = Number(field(call, 'index') ?? at);
    if (!Number.isInteger(index) || index < 0 || index > 63) return;
    const known = this.#calls.get(index) ?? { name: '', argumentsJson: '' };
    const told = field(call, 'function');
    const [name, args] = [field(told, 'name'), field(told, 'arguments')];
    this.#calls.set(index, {
      name: known.name || (typeof name === 'string' ? name : ''),
      argumentsJson: known.argumentsJson + (typeof args === 'string' ? args : ''),
    });
  }
}

const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? ((value as Record<string, unknown>)[name] ?? undefined) : undefined;

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value.slice(0, 64) : []);

const ROLES: Readonly<Record<Role, string>> = {
  [Role.UNSPECIFIED]: 'user',
  [Role.SYSTEM]: 'system',
  [Role.USER]: 'user',
  [Role.ASSISTANT]: 'assistant',
  [Role.TOOL]: 'tool',
};

const bodyOf = ({ messages, tools }: ChatRequest, model: string): string =>
  JSON.stringify({
    model,
    stream: true,
    messages: messages.map(messageOf),
    ...(tools.length > 0 && {
      tools: tools.map(({ name, description, parametersJson }) => ({
        type: 'function',
        function: { name, description, parameters: JSON.parse(parametersJson || '{}') },
      })),
    }),
  });

function messageOf({ role, parts, toolCalls, toolCallId }: Message): object {
  return {
    role: ROLES[role],
    content: parts.map(({ part }) => (part.case === 'text' ? part.value : '')).join('\n'),
    ...(toolCallId !== '' && { tool_call_id: toolCallId }),
    ...(toolCalls.length > 0 && {
      tool_calls: toolCalls.map(({ id, name, argumentsJson }) => ({
        id,
        type: 'function',
        function: { name, arguments: argumentsJson },
      })),
    }),
  };
}
