// The embed capability as a worker runs it, each job one text that was never seen before: over a provider with and without
// micro-batching, and over the lexical model beside its bare function.
import { create } from '@bufbuild/protobuf';
import { EmbedRequestSchema, Purpose } from '../../../gen/bowline/capability/embed/v1/embed_pb.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { embedHandler } from '../../../src/worker/handlers/embed/embed-handler.ts';
import { EMBED_DEFAULTS } from '../../../src/worker/handlers/embed/embed-settings.ts';
import { lexicalEmbedder } from '../../../src/worker/handlers/embed/lexical/lexical-embedder.ts';
import { lexicalVector } from '../../../src/worker/handlers/embed/lexical/lexical-vector.ts';
import { providerEmbedder } from '../../../src/worker/handlers/embed/providers/provider-embedder.ts';
import { loneContext } from '../../../src/worker/kit/lone-context.ts';
import { LEXICAL } from '../../../src/worker/models/built-in.ts';
import { serveAgent } from '../harness/agent.ts';
import { latencies, type RateArgs, rate } from '../harness/load.ts';

const embedders = new Map([[LEXICAL, lexicalEmbedder]]);
let embed = handlerOf();
let made = 0;

function handlerOf() {
  const handler = embedHandler({ defaultModel: LEXICAL, embedders }, { clock: systemClock, cacheBytes: 0 });
  return handler.methods.Embed!;
}

const SYLLABLES = [
  'an',
  'ber',
  'cor',
  'dri',
  'el',
  'fo',
  'gul',
  'hin',
  'is',
  'jo',
  'kra',
  'lu',
  'mar',
  'ne',
  'ost',
  'pri',
];

/** About 800 characters in words of two or three syllables, never the same twice. */
function text(): string {
  let seed = ++made;
  let said = String(made);
  while (said.length < 800) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    const at = (shift: number) => SYLLABLES[(seed >>> shift) & 15]!;
    said += ` ${at(8)}${at(12)}${seed & 0x10000 ? at(20) : ''}`;
  }
  return said;
}

async function job(model: string): Promise<void> {
  const request = create(EmbedRequestSchema, { texts: [text()], model, purpose: Purpose.DOCUMENT });
  await embed(request, loneContext());
}

serveAgent({
  connect: ({ url, dimension }: { url: string; dimension: number }) => {
    for (const [name, batchTexts] of [
      ['together', EMBED_DEFAULTS.batchTexts],
      ['alone', 1],
    ] as const) {
      const settings = { name, provider: 'openai-compatible', model: 'm', dimension, baseUrl: url } as const;
      embedders.set(name, providerEmbedder(settings, { ...EMBED_DEFAULTS, batchTexts }, systemClock));
    }
    embed = handlerOf();
  },
  rate: async ({ model, ...args }: RateArgs & { model: string }) => (await rate(() => job(model), args)).perSecond,
  latency: ({ model, ms }: { model: string; ms: number }) => latencies(() => job(model), { ms }),
  bare: async (args: RateArgs) =>
    (
      await rate(async () => {
        lexicalVector(text());
      }, args)
    ).perSecond,
});
