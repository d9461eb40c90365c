// A provider of vectors with the latency of a real one: so much for each request, a little for each text, and only so many
// requests at work at once; the others wait, as they do before a GPU.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serveAgent } from '../harness/agent.ts';

interface Place {
  readonly dimension: number;
  readonly requestMs: number;
  readonly textMs: number;
  readonly atOnce: number;
}

serveAgent({
  listen: async ({ dimension, requestMs, textMs, atOnce }: Place) => {
    const embedding = Array.from({ length: dimension }, (_, at) => Number(Math.sin(at + 1).toFixed(6)));
    const waiting: (() => void)[] = [];
    let working = 0;
    const turn = async () => {
      if (working < atOnce) working++;
      else await new Promise<void>((resolve) => waiting.push(resolve));
    };
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const { input } = JSON.parse(Buffer.concat(chunks).toString()) as { input: string[] };
      await turn();
      await new Promise((resolve) => setTimeout(resolve, requestMs + textMs * input.length));
      const next = waiting.shift();
      if (next) next();
      else working--;
      const data = input.map((_, index) => ({ object: 'embedding', index, embedding }));
      response.writeHead(200, { 'content-type': 'application/json' });
      const usage = { prompt_tokens: input.length, total_tokens: input.length };
      response.end(JSON.stringify({ object: 'list', data, model: 'm', usage }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  },
});
