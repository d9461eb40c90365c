// HTML and PDF put away through the real parser: its child process, its isolation, its pages.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { IngestRequestSchema, SearchRequestSchema } from '../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { openEmbed } from '../../src/worker/handlers/embed/open-embed.ts';
import { openRetrieval } from '../../src/worker/handlers/retrieval/open-retrieval.ts';
import { loneContext } from '../../src/worker/kit/lone-context.ts';
import { workerSettings } from '../../src/worker/program/config.ts';
import { makePdf } from '../support/make-pdf.ts';

test('pages of a PDF and text of a page are found; a damaged PDF fails alone', { timeout: 60_000 }, async () => {
  const home = await mkdtemp(join(tmpdir(), 'bowline-test-retrieval-'));
  const parts = { home, env: {}, settings: workerSettings(), clock: systemClock, log: silentLogger };
  const { handler, close } = await openRetrieval(parts);
  const { handler: embed } = await openEmbed(parts);
  try {
    const context = loneContext({
      tenant: 't',
      call: (async (_: unknown, request: never) => [await embed.methods.Embed!(request, loneContext())]) as never,
    });
    const data = (id: string, value: Uint8Array) => ({ id, body: { case: 'data' as const, value } });
    const page = '<html><title>Birds</title><body><h1>Herons</h1><p>Herons wade in 浅水 all day.</p></body></html>';
    const documents = [
      data('animals.pdf', makePdf(['Otters swim here', 'Badgers dig here'])),
      data('damaged.pdf', Buffer.from('%PDF-1.4 and nothing else')),
      { id: 'birds.html', body: { case: 'text' as const, value: page } },
    ];
    const ingested = await handler.methods.Ingest!(
      create(IngestRequestSchema, { collection: 'c', documents }),
      context,
    );
    expect(ingested).toMatchObject({
      documents: [
        { id: 'animals.pdf', passages: 2, reason: '' },
        { id: 'damaged.pdf', passages: 0, reason: 'DOCUMENT_INVALID' },
        { id: 'birds.html', passages: 1, reason: '' },
      ],
    });
    const first = (query: string) =>
      handler.methods.Search!(create(SearchRequestSchema, { query, pageSize: 1 }), context);
    expect(await first('where do badgers dig?')).toMatchObject({
      passages: [{ document: 'animals.pdf', page: 2, startLine: 0, text: 'Badgers dig here' }],
    });
    expect(await first('浅水')).toMatchObject({
      passages: [{ document: 'birds.html', title: 'Birds', headings: ['Herons'], startLine: 0 }],
    });
  } finally {
    await close?.();
    await rm(home, { recursive: true, force: true });
  }
});
