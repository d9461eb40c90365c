// A server of OpenAI's embeddings API on loopback that takes only what the public schema allows, and tells in the vector
// which text, model and purpose prefix it saw.
import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { FakeProvider, fail, type Reply, type SeenRequest } from './fake-provider.ts';

const KEYS = ['model', 'input', 'encoding_format', 'dimensions', 'user'];

export interface FakeEmbeddingsOptions {
  /** Numbers of a vector. */
  readonly dimension: number;
  /** Milliseconds until an answer leaves. */
  readonly latencyMs?: number;
}

export class FakeEmbeddings {
  readonly provider = new FakeProvider();
  readonly #options: FakeEmbeddingsOptions;
  /** Takes the place of the right answer, where it is set; undefined from it means: answer rightly. */
  instead: (texts: readonly string[], request: SeenRequest) => Reply | undefined = () => undefined;

  constructor(options: FakeEmbeddingsOptions) {
    this.#options = options;
    this.provider.reply = (response, request) => this.#answer(response, request);
  }

  /** The texts of each request so far. */
  get batches(): readonly string[][] {
    return this.provider.requests.map(({ body }) => [body.input].flat());
  }

  listen(): Promise<string> {
    return this.provider.listen();
  }

  close(): Promise<void> {
    return this.provider.close();
  }

  async #answer(response: ServerResponse, request: SeenRequest): Promise<void> {
    const problem = problemOf(request);
    if (problem) {
      fail(400, { error: { message: problem, type: 'invalid_request_error' } })(response, request);
      return;
    }
    const texts: string[] = [request.body.input].flat();
    const { dimension, latencyMs = 0 } = this.#options;
    if (latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, latencyMs));
    const instead = this.instead(texts, request);
    if (instead) return instead(response, request);
    answerWith(embeddingsBody(texts.map((text) => vectorOf(text, request.body.dimensions ?? dimension))))(
      response,
      request,
    );
  }
}

/** What it answers for a text; not of length 1. */
export function vectorOf(text: string, dimension: number): number[] {
  const numbers: number[] = [];
  for (let block = 0; numbers.length < dimension; block++) {
    const hash = createHash('sha256').update(`${block} ${text}`).digest();
    for (const byte of hash) numbers.push((byte - 127.5) / 16);
  }
  return numbers.slice(0, dimension);
}

/** A body as the schema has it, ten tokens a vector. */
export const embeddingsBody = (embeddings: readonly unknown[]) => ({
  object: 'list',
  data: embeddings.map((embedding, index) => ({ object: 'embedding', index, embedding })),
  model: 'm',
  usage: { prompt_tokens: 10 * embeddings.length, total_tokens: 10 * embeddings.length },
});

export const answerWith =
  (body: unknown): Reply =>
  (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };

function problemOf({ path, body, headers }: SeenRequest): string | undefined {
  if (path !== '/v1/embeddings') return `no such path: ${path}`;
  if (!headers['content-type']?.startsWith('application/json')) return 'the body must be JSON';
  const unknown = Object.keys(body ?? {}).find((key) => !KEYS.includes(key));
  if (unknown) return `unrecognized request argument: ${unknown}`;
  if (typeof body.model !== 'string' || body.model === '') return 'model is required';
  if (body.encoding_format !== undefined && !['float', 'base64'].includes(body.encoding_format))
    return 'encoding_format is float or base64';
  if (body.dimensions !== undefined && !(Number.isInteger(body.dimensions) && body.dimensions > 0))
    return 'dimensions is a positive integer';
  const input: unknown[] = [body.input].flat();
  if (input.length === 0 || input.length > 2048) return 'input has 1 to 2048 entries';
  return input.every((text) => typeof text === 'string' && text !== '')
    ? undefined
    : 'input is a text that is not empty';
}
