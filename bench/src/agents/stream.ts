// The floor of the token relay: one gRPC server stream, no relay, no store. The same file is server and client, each in a
// process of its own. The messages are those that a worker of Bowline sends.
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { create } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { connectNodeAdapter, createGrpcTransport } from '@connectrpc/connect-node';
import {
  type ChatRequest,
  ChatRequestSchema,
  type ChatResponse,
  ChatResponseSchema,
  LlmService,
} from '../../../gen/bowline/capability/llm/v1/llm_pb.ts';
import { serveAgent } from '../harness/agent.ts';

const text = (value: string): ChatResponse =>
  create(ChatResponseSchema, { event: { case: 'text', value: { text: value } } });

async function* chat({ model }: ChatRequest): AsyncGenerator<ChatResponse> {
  const [what, ...words] = model.split(' ');
  const [pieces = 0, size = 0] = words.map(Number);
  const piece = 'x'.repeat(size);
  for (let i = 0; i < pieces; i++) {
    if (what === 'drip') {
      await new Promise((resolve) => setTimeout(resolve, size));
      yield text(`${process.hrtime.bigint()} `);
    } else yield text(piece);
  }
}

let url = '';
async function* said(ask: string): AsyncGenerator<string> {
  const client = createClient(LlmService, createGrpcTransport({ baseUrl: url, acceptCompression: [] }));
  for await (const { event } of client.chat(create(ChatRequestSchema, { model: ask })))
    if (event.case === 'text') yield event.value.text;
}

serveAgent({
  listen: async () => {
    const server = createServer(connectNodeAdapter({ routes: (router) => router.service(LlmService, { chat }) }));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
  connect: (place: { url: string }) => {
    url = place.url;
  },
  relay: async ({ ask }: { ask: string }) => {
    let [characters, frames, first, last] = [0, 0, 0, 0];
    for await (const piece of said(ask)) {
      last = performance.now();
      first ||= last;
      characters += piece.length;
      frames++;
    }
    return { characters, frames, seconds: (last - first) / 1000 };
  },
  drip: async ({ ask }: { ask: string }) => {
    const times: number[] = [];
    for await (const piece of said(ask)) times.push(Number(process.hrtime.bigint() - BigInt(piece.trim())) / 1e6);
    return times;
  },
});
