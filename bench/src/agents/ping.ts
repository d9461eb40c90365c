// The floor of a tool call: a bare bidi stream on which a ping is answered with a pong, and in between what a durable call needs
// at least: two appends with fdatasync and, where it is asked for, the same command. Server and client are two processes.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { connectNodeAdapter, createGrpcTransport } from '@connectrpc/connect-node';
import {
  type ConnectRequest,
  ConnectRequestSchema,
  type ConnectResponse,
  ConnectResponseSchema,
  EdgeService,
} from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { Channel } from '../../../src/base/channel.ts';
import { serveAgent } from '../harness/agent.ts';
import { type LatencyArgs, latencies } from '../harness/load.ts';

/** Bytes of one record, about those of an intent. */
const RECORD = Buffer.alloc(200, 1);
const outgoing = new Channel<ConnectResponse>(100);
let ponged: () => void = () => {};
const opened = new Promise<void>((resolve) => {
  ponged = resolve;
});

async function* connect(requests: AsyncIterable<ConnectRequest>): AsyncGenerator<ConnectResponse> {
  void (async () => {
    for await (const { frame } of requests) if (frame.case === 'pong') ponged();
  })().catch(() => undefined);
  yield* outgoing;
}

function ping(command: number): Promise<void> {
  return new Promise((resolve) => {
    ponged = resolve;
    outgoing.offer(create(ConnectResponseSchema, { frame: { case: 'ping', value: { nonce: BigInt(command) } } }));
  });
}

/** Runs a command to its end, as little as Node can do for it. */
export function runCommand(argv: readonly string[]): Promise<void> {
  const [file = '', ...words] = argv;
  return new Promise((resolve, reject) => {
    spawn(file, words, { stdio: ['ignore', 'pipe', 'pipe'], env: {} })
      .once('error', reject)
      .once('close', () => resolve());
  });
}

serveAgent({
  listen: async () => {
    const server = createServer(connectNodeAdapter({ routes: (router) => router.service(EdgeService, { connect }) }));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
  /** Until the other side's stream is open. */
  opened: () => opened,
  /** The answering side: writes in a folder of its own under `folder`. */
  connect: async ({ url, folder, argv }: { url: string; folder: string; argv: string[] }) => {
    const own = mkdtempSync(join(folder, 'ping-'));
    process.once('exit', () => rmSync(own, { recursive: true, force: true }));
    const file = await open(join(own, 'journal'), 'a');
    const append = async () => {
      await file.write(RECORD);
      await file.datasync();
    };
    const answers = new Channel<ConnectRequest>(100);
    const client = createClient(EdgeService, createGrpcTransport({ baseUrl: url, acceptCompression: [] }));
    const pong = () => create(ConnectRequestSchema, { frame: { case: 'pong', value: { nonce: 0n } } });
    async function* said(): AsyncGenerator<ConnectRequest> {
      yield pong();
      yield* answers;
    }
    void (async () => {
      for await (const { frame } of client.connect(said())) {
        if (frame.case !== 'ping') continue;
        await append();
        if (frame.value.nonce === 1n) await runCommand(argv);
        await append();
        answers.offer(pong());
      }
    })();
  },
  latency: ({ command, ...args }: LatencyArgs & { command: boolean }) => latencies(() => ping(command ? 1 : 0), args),
});
