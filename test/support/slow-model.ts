// A model behind an OpenAI-compatible server on loopback that is slow enough to be interrupted: it answers word by word, and
// asks for a tool first when the question says so. What it says follows from the messages alone.
import { setTimeout as wait } from 'node:timers/promises';
import { chunk, events, FakeProvider, type SeenRequest } from './fake-provider.ts';

interface ModelMessage {
  readonly role: string;
  readonly content: unknown;
}

export interface SlowModelOptions {
  /** The pieces of the answer to a question, before the words `about: QUESTION`; default: word1 to word12. */
  readonly piecesOf?: (question: string) => readonly string[];
  /** Milliseconds between two of them; default 60. */
  readonly pauseMs?: number;
  /** Of a million tokens, read or written; default: models.yaml says none. */
  readonly price?: number;
  /** Tokens that it says were read, by the question and how often it was asked; default 10. */
  readonly readOf?: (question: string, nth: number) => number;
}

/** What a request costs, as it stands on the bill of the provider: from its arrival on, whatever becomes of its answer. */
export interface Billed {
  readonly question: string;
  readonly micros: number;
}

const WORDS = Array.from({ length: 12 }, (_, n) => `word${n + 1} `);

export class SlowModel {
  readonly #provider = new FakeProvider();
  readonly #options: Required<SlowModelOptions>;
  #url = '';

  constructor(options: SlowModelOptions = {}) {
    this.#options = { piecesOf: () => WORDS, pauseMs: 60, price: 0, readOf: () => 10, ...options };
  }

  async listen(): Promise<void> {
    this.#provider.reply = (response, request) => speak(response, request, this.#options, this.#bill(request));
    this.#url = await this.#provider.listen();
  }

  readonly billed: Billed[] = [];

  /** How often it was asked. */
  get requests(): number {
    return this.#provider.requests.length;
  }

  /** The whole answer to a question. */
  answerTo(question: string): string {
    return `${this.#options.piecesOf(question).join('')}about: ${question}`;
  }

  close(): Promise<void> {
    return this.#provider.close();
  }

  /** A models.yaml in which it is the default. */
  get config(): string {
    const { price } = this.#options;
    return [
      'default: slow',
      'models:',
      '  slow:',
      '    provider: openai-compatible',
      '    model: m',
      `    base_url: ${this.#url}`,
      ...(price === 0 ? [] : [`    price: {input: ${price}, output: ${price}}`]),
      '',
    ].join('\n');
  }

  /** The tokens of a request. */
  #bill({ body }: SeenRequest): { readonly read: number; readonly written: number } {
    const { readOf, piecesOf, price } = this.#options;
    const question = questionOf(body.messages);
    const nth = this.billed.filter((each) => each.question === question).length;
    const [read, written] = [readOf(question, nth), piecesOf(question).length];
    this.billed.push({ question, micros: (read + written) * price });
    return { read, written };
  }
}

async function speak(
  response: Parameters<typeof events>[0],
  { body }: SeenRequest,
  { piecesOf, pauseMs }: Required<SlowModelOptions>,
  { read, written }: { readonly read: number; readonly written: number },
): Promise<void> {
  const messages: ModelMessage[] = body.messages;
  const question = questionOf(messages);
  const answers = messages.slice(messages.findLastIndex(({ role }) => role === 'user') + 1);
  const tool = answers.some(({ role }) => role === 'tool') ? undefined : toolCall(question);
  const pieces = piecesOf(question);
  const usage = { prompt_tokens: read, completion_tokens: written, total_tokens: read + written };
  if (tool) {
    await wait(pauseMs * 2);
    events(response, [chunk({ role: 'assistant', tool_calls: [tool] }), chunk({}, 'tool_calls', usage), '[DONE]']);
  } else {
    for (const content of pieces) {
      if (!response.writable) break;
      events(response, [chunk({ role: 'assistant', content })]);
      await wait(pauseMs);
    }
    events(response, [chunk({ content: `about: ${question}` }), chunk({}, 'stop', usage), '[DONE]']);
  }
  response.end();
}

/** `tool NAME {json}` in a question is called once, before the answer. */
function toolCall(question: string) {
  const [, name, json] = /\btool (\w+) (\{.*\})/.exec(question) ?? [];
  if (name === undefined) return undefined;
  return { index: 0, id: 'call-1', type: 'function', function: { name, arguments: json } };
}

const questionOf = (messages: readonly ModelMessage[]): string =>
  textOf(messages.findLast(({ role }) => role === 'user')?.content);

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part: { text?: string }) => part.text ?? '').join('');
}
