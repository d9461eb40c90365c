// A model behind an OpenAI-compatible server on loopback that says what a test dictates, when the test says so. Its bytes
// are cut at any place on the way, also within a letter, as networks do.
import type { ServerResponse } from 'node:http';
import { chunk, FakeProvider } from './fake-provider.ts';

/** One answer under way. */
export interface Dictation {
  /** Text of the question, as the provider was asked. */
  readonly question: string;
  /** Sends the next words. */
  say(text: string): void;
  /** Ends the answer. */
  end(): void;
}

export class DictatedModel {
  readonly #provider = new FakeProvider();
  readonly #answers: Dictation[] = [];
  readonly #waiting = new Set<() => void>();
  #url = '';

  async listen(): Promise<void> {
    this.#provider.reply = (response, { body }) => {
      const question = JSON.stringify(body.messages.at(-1)?.content);
      this.#answers.push(dictation(response, question));
      for (const wake of this.#waiting) wake();
    };
    this.#url = await this.#provider.listen();
  }

  close(): Promise<void> {
    return this.#provider.close();
  }

  /** A models.yaml in which it is the default. */
  get config(): string {
    return [
      'default: dictated',
      'models:',
      '  dictated:',
      '    provider: openai-compatible',
      '    model: m',
      `    base_url: ${this.#url}`,
      '',
    ].join('\n');
  }

  /** The n-th answer to a question that holds these words, from 0. Throws after `withinMs`. */
  async answer(words: string, n = 0, withinMs = 30_000): Promise<Dictation> {
    const end = performance.now() + withinMs;
    for (;;) {
      const found = this.#answers.filter(({ question }) => question.includes(words))[n];
      if (found) return found;
      const left = end - performance.now();
      if (left <= 0) throw new Error(`the model was not asked ${words} ${n + 1} times`);
      await new Promise<void>((resolve) => {
        const wake = () => {
          clearTimeout(timer);
          this.#waiting.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, left);
        this.#waiting.add(wake);
      });
    }
  }
}

function dictation(response: ServerResponse, question: string): Dictation {
  response.socket?.setNoDelay(true);
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const send = (item: unknown) => {
    const bytes = Buffer.from(`data: ${typeof item === 'string' ? item : JSON.stringify(item)}\n\n`);
    // In three writes, cut at two places that are anywhere.
    const first = 1 + Math.floor(Math.random() * (bytes.length - 2));
    const second = first + 1 + Math.floor(Math.random() * (bytes.length - first - 1));
    for (const piece of [bytes.subarray(0, first), bytes.subarray(first, second), bytes.subarray(second)]) {
      if (response.writable) response.write(piece);
    }
  };
  return {
    question,
    say: (text) => send(chunk({ role: 'assistant', content: text })),
    end: () => {
      send(chunk({}, 'stop', { prompt_tokens: 10, completion_tokens: 10, total_tokens: 20 }));
      send('[DONE]');
      response.end();
    },
  };
}
