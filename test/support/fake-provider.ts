// A model provider on loopback that answers as it is told: plain HTTP and server-sent events, real sockets.
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SeenRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  // biome-ignore lint/suspicious/noExplicitAny: the wire format of a foreign provider
  readonly body: any;
  /** Set when the caller went away before the end. */
  aborted: boolean;
}

export type Reply = (response: ServerResponse, request: SeenRequest) => void | Promise<void>;

export class FakeProvider {
  readonly requests: SeenRequest[] = [];
  /** What the next request gets. */
  reply: Reply = () => {};
  readonly #server: Server;
  #changed: () => void = () => {};

  constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const seen: SeenRequest = {
          path: request.url ?? '',
          headers: request.headers,
          body: text === '' ? undefined : JSON.parse(text),
          aborted: false,
        };
        this.requests.push(seen);
        response.on('close', () => {
          seen.aborted = !response.writableFinished;
          this.#changed();
        });
        void this.reply(response, seen);
        this.#changed();
      });
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  /** Waits until `holds`, looking again at each request and each closed connection; fails after 5 s. */
  async until(holds: () => boolean): Promise<void> {
    const end = performance.now() + 5000;
    while (!holds()) {
      const left = end - performance.now();
      if (left <= 0) throw new Error('the provider waited in vain');
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#changed = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

/** Server-sent events of these objects (strings go as they are); `named` adds `event:` lines with their type. */
export function events(response: ServerResponse, items: readonly unknown[], named = false): void {
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const item of items) {
    const type = named && typeof item === 'object' && item !== null && 'type' in item ? `event: ${item.type}\n` : '';
    response.write(`${type}data: ${typeof item === 'string' ? item : JSON.stringify(item)}\n\n`);
  }
}

/** An error answer. */
export const fail =
  (status: number, body: unknown, headers: Record<string, string> = {}): Reply =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };

/** One chunk of OpenAI's chat completion stream. */
export const chunk = (delta: unknown, finish: string | null = null, usage?: unknown) => ({
  id: 'c1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm',
  choices: [{ index: 0, delta, finish_reason: finish }],
  ...(usage === undefined ? {} : { usage }),
});
