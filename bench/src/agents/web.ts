// The web capability beside bare undici, on pages that a server in another process (agents/web-site.ts) sends. The capability does all
// that it does in production: judges addresses, takes the host's turn, parses in an isolated process, writes Markdown.
import { create } from '@bufbuild/protobuf';
import { Agent, request } from 'undici';
import { FetchRequestSchema, type FetchResponse } from '../../../gen/bowline/capability/web/v1/web_pb.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { silentLogger } from '../../../src/base/logger.ts';
import { openParser } from '../../../src/worker/documents/open-parser.ts';
import { PARSER_DEFAULTS } from '../../../src/worker/documents/parser-settings.ts';
import { assembleWeb } from '../../../src/worker/handlers/web/open-web.ts';
import { WEB_DEFAULTS } from '../../../src/worker/handlers/web/web-settings.ts';
import type { ServedCapability } from '../../../src/worker/kit/capability.ts';
import { loneContext } from '../../../src/worker/kit/lone-context.ts';
import { LoopbackPolicy } from '../../../test/support/loopback-policy.ts';
import { serveAgent } from '../harness/agent.ts';
import { type LatencyArgs, latencies } from '../harness/load.ts';

let web: ServedCapability;
let origin = '';
const agent = new Agent();

async function ours(path: string): Promise<void> {
  const fetch = web.handler.methods.Fetch!;
  const call = fetch(
    create(FetchRequestSchema, { url: `http://site.example:${new URL(origin).port}${path}` }),
    loneContext(),
  );
  const { page } = (await call) as unknown as FetchResponse;
  if (!page?.markdown.includes('words')) throw new Error('the page was not read');
}

async function bare(path: string): Promise<void> {
  const { body } = await request(`${origin}${path}`, { dispatcher: agent });
  if (!(await body.text()).includes('words')) throw new Error('the page was not read');
}

serveAgent({
  open: async ({ port }: { port: number }) => {
    origin = `http://127.0.0.1:${port}`;
    const parser = await openParser(PARSER_DEFAULTS, { clock: systemClock, log: silentLogger });
    const policy = new LoopbackPolicy([port]);
    const resolve = async () => [{ address: '127.0.0.1', family: 4 }];
    web = assembleWeb({ settings: WEB_DEFAULTS, parser, policy, resolve, clock: systemClock });
  },
  ours: ({ path, ...args }: LatencyArgs & { path: string }) => latencies(() => ours(path), args),
  bare: ({ path, ...args }: LatencyArgs & { path: string }) => latencies(() => bare(path), args),
});
