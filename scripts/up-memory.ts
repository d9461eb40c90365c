// Prints what memory each process of a real `up` takes: ready, and after a modest use of it (documents, searches, pages, tool
// calls, questions to a model server on loopback) of which every half is told. Exit code 1 when all of them together take more
// than READY_LIMIT bare Node processes when ready or than LIMIT in the end, or the second half of the use adds more than GROWTH of what was there.
// Usage: node scripts/up-memory.ts [calls]
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClient, type Interceptor } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { bareResident } from '../bench/src/harness/bare-start.ts';
import { residentOfUp, together } from '../bench/src/harness/up-memory.ts';
import { FsService } from '../gen/bowline/capability/fs/v1/fs_pb.ts';
import { RetrievalService } from '../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { WebService } from '../gen/bowline/capability/web/v1/web_pb.ts';
import { Stack } from '../test/support/stack.ts';

/** The budget, 450 MB. */
const READY_LIMIT = 11;
const LIMIT = 20;
const GROWTH = 0.15;
const DOCUMENTS = 500;
const REST_MS = 5_000;

const calls = Number(process.argv[2] ?? 1_000);
const WORDS = 'harbour launch boat river letter garden winter engine paper stone bread market road song'.split(' ');
const text = (seed: number, words: number) =>
  Array.from({ length: words }, (_, i) => WORDS[(seed * 31 + i * ((seed % 7) + 1) + (i >> 3)) % WORDS.length]).join(
    ' ',
  );

/** A model that answers, and a site with pages. */
const site = createServer((request, response) => {
  request.resume().on('end', () => {
    if (request.method === 'GET') {
      response.setHeader('content-type', 'text/html');
      return response.end(
        `<html><body><h1>${request.url}</h1><p>${text(request.url?.length ?? 1, 2_000)}</p></body></html>`,
      );
    }
    response.setHeader('content-type', 'text/event-stream');
    const chunk = (choice: object, more: object = {}) =>
      response.write(
        `data: ${JSON.stringify({ id: '1', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, ...choice }], ...more })}\n\n`,
      );
    chunk({ delta: { role: 'assistant', content: text(3, 200) }, finish_reason: null });
    chunk(
      { delta: {}, finish_reason: 'stop' },
      { usage: { prompt_tokens: 9, completion_tokens: 9, total_tokens: 18 } },
    );
    return response.end('data: [DONE]\n\n');
  });
});
await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
const host = `127.0.0.1:${(site.address() as AddressInfo).port}`;

const bare = await bareResident();
const stack = await Stack.create(
  Object.fromEntries(Array.from({ length: DOCUMENTS }, (_, i) => [`d${i}.md`, `# Note ${i}\n\n${text(i, 400)}\n`])),
);
// As the launcher sets them.
Object.assign(stack.env, { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '131072' });
try {
  stack.write(
    'home/models.yaml',
    `default: m\nmodels:\n  m: { provider: openai-compatible, model: m, base_url: 'http://${host}/v1' }\n`,
  );
  const { program, ready } = await stack.up('--set', `BOWLINE_WEB_PRIVATE_HOSTS=${host}`);
  const authorize: Interceptor = (next) => (call) => {
    call.header.set('authorization', `Bearer ${stack.ownerKey}`);
    return next(call);
  };
  const transport = createGrpcTransport({ baseUrl: stack.url, interceptors: [authorize] });
  const rested = async () => {
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    return residentOfUp(transport, program.pid);
  };
  const rows: [string, ReadonlyMap<string, number>][] = [['ready', await rested()]];

  const added = await stack.cli(['docs', 'add', stack.docs, '--to', 'notes'], { withinMs: 600_000 });
  if (added.code !== 0) throw new Error(added.stderr);
  rows.push([`after ${DOCUMENTS} documents`, await rested()]);

  const headers = { 'bowline-device': String(ready.device) };
  const fs = createClient(FsService, transport);
  const retrieval = createClient(RetrievalService, transport);
  const web = createClient(WebService, transport);
  const use = async (from: number, to: number) => {
    for (let i = from; i < to; i++) {
      if (i % 10 === 0) await web.fetch({ url: `http://${host}/${'p'.repeat(i % 97)}` });
      else if (i % 3 === 0) await retrieval.search({ query: text(i, 4), collections: ['notes'] });
      else await fs.read({ path: `docs/d${i % DOCUMENTS}.md` }, { headers });
    }
    const questions = Array.from({ length: (to - from) / 10 }, (_, i) => `What is in note ${from + i}?`);
    const chat = await stack.cli(['chat', '--share', 'd1.md'], {
      input: `${questions.join('\n')}\n`,
      withinMs: 900_000,
    });
    if (chat.code !== 0) throw new Error(chat.stderr);
  };
  await use(0, calls / 2);
  rows.push([`after ${calls / 2} calls`, await rested()]);
  await use(calls / 2, calls);
  rows.push([`after ${calls} calls`, await rested()]);
  print(rows);
} finally {
  await stack.close();
  site.close();
  site.closeAllConnections();
}

function print(rows: readonly [string, ReadonlyMap<string, number>][]): void {
  const line = (what: string, cells: string[]) =>
    process.stdout.write(`${what.padEnd(22)}${cells.map((cell) => cell.padStart(15)).join('')}\n`);
  line('MB', [...(rows[0]?.[1].keys() ?? []), 'together']);
  for (const [what, all] of rows)
    line(
      what,
      [...all.values(), together(all)].map((mb) => mb.toFixed(0)),
    );
  const [half = 0, end = 0] = rows.slice(-2).map(([, all]) => together(all));
  const times = end / bare;
  const grown = end / half - 1;
  const ready = together(rows[0]?.[1] ?? new Map()) / bare;
  const fits = ready <= READY_LIMIT && times <= LIMIT && grown <= GROWTH;
  process.stdout.write(
    `bare Node ${bare.toFixed(0)} MB; together ${ready.toFixed(1)} of them when ready, at most ${READY_LIMIT}, ${times.toFixed(1)} in the end, at most ${LIMIT}; `,
  );
  process.stdout.write(`the second half added ${(grown * 100).toFixed(0)} %, at most ${GROWTH * 100}: `);
  process.stdout.write(`${fits ? 'ok' : 'TOO MUCH'}\n`);
  process.exitCode = fits ? 0 : 1;
}
