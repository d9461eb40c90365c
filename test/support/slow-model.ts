// A model behind an OpenAI-compatible server on loopback that is slow enough to be interrupted: it answers word by word, and
// asks for a tool first when the question says so. What it says follows from the messages alone.
import { setTimeout as wait } from 'node:timers/promises';
import { chunk, events, FakeProvider, type SeenRequest } from './fake-provider.ts';

interface ModelMessage {
  readonly role: string;
  readonly content: unknown;
}

/** Words of an answer, and the time between two of them in milliseconds. */
const WORDS = 12;
const PAUSE_MS = 60;

export class SlowModel {
  readonly #provider = new FakeProvider();
  #url = '';

  async listen(): Promise<void> {
    this.#provider.reply = (response, request) => speak(response, request);
    this.#url = await this.#provider.listen();
  }

  /** How often it was asked. */
  get requests(): number {
    return this.#provider.requests.length;
  }

  close(): Promise<void> {
    return this.#provider.close();
  }

  /** A models.yaml in which it is the default. */
  get config(): string {
    return [
      'default: slow',
      'models:',
      '  slow:',
      '    provider: openai-compatible',
      '    model: m',
      `    base_url: ${this.#url}`,
      '',
    ].join('\n');
  }
}

async function speak(response: Parameters<typeof events>[0], { body }: SeenRequest): Promise<void> {
  const messages: ModelMessage[] = body.messages;
  const question = textOf(messages.findLast(({ role }) => role === 'user')?.content);
  const answers = messages.slice(messages.findLastIndex(({ role }) => role === 'user') + 1);
  const tool = answers.some(({ role }) => role === 'tool') ? undefined : toolCall(question);
  const usage = { prompt_tokens: 10, completion_tokens: WORDS, total_tokens: 10 + WORDS };
  if (tool) {
    await wait(PAUSE_MS * 2);
    events(response, [chunk({ role: 'assistant', tool_calls: [tool] }), chunk({}, 'tool_calls', usage), '[DONE]']);
  } else {
    for (let word = 1; word <= WORDS && response.writable; word++) {
      events(response, [chunk({ role: 'assistant', content: `word${word} ` })]);
      await wait(PAUSE_MS);
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

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part: { text?: string }) => part.text ?? '').join('');
}
