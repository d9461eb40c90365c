// What a provider answers for texts never holds the process up that asked it: no turn is longer than the limit, whatever it answers.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Purpose } from '../../gen/bowline/capability/embed/v1/embed_pb.ts';
import { systemClock } from '../../src/base/clock.ts';
import { EMBED_DEFAULTS } from '../../src/worker/handlers/embed/embed-settings.ts';
import { providerEmbedder } from '../../src/worker/handlers/embed/providers/provider-embedder.ts';
import { answerWith, embeddingsBody, FakeEmbeddings, vectorOf } from '../support/fake-embeddings.ts';
import { withTurnWatch } from '../support/turn-watch.ts';

const DIMENSION = 1536;
const TEXTS = Array.from({ length: EMBED_DEFAULTS.batchTexts }, (_, at) => `text ${at}`);
const BYTES = TEXTS.length * DIMENSION * 32;

const server = new FakeEmbeddings({ dimension: DIMENSION });
let baseUrl = '';
beforeAll(async () => {
  baseUrl = await server.listen();
});
afterAll(() => server.close());

const fill = (one: string, before: string, after: string) =>
  before + one.repeat(Math.floor((BYTES - before.length - after.length) / one.length)) + after;

test('vectors, numbers without end, lists, texts, and what is no number', async () => {
  const right = JSON.stringify(embeddingsBody(TEXTS.map((text) => vectorOf(text, DIMENSION))));
  const answers: Readonly<Record<string, string>> = {
    vectors: right,
    'one vector of very many numbers': fill('1,', '{"data":[{"embedding":[', '1]}]}'),
    'long numbers': fill(`0.${'1'.repeat(300)},`, '{"data":[{"embedding":[', '1]}]}'),
    lists: fill('[],', '{"data":[', '1]}'),
    'lists in lists': fill('[', '{"data":', ''),
    objects: fill('{"embedding":[]},', '{"data":[', '{}]}'),
    'one text': fill('a', '{"model":"', '","data":[]}'),
    keys: fill('"a":1,', '{', '"data":[]}'),
    'no numbers': right.replace(/\[-?\d[^\]]*\]/, '[NaN]'),
    nothings: right.replace(/\[-?\d[^\]]*\]/, `[${'null,'.repeat(DIMENSION - 1)}null]`),
  };
  const settings = { name: 'house', provider: 'openai-compatible', model: 'm', baseUrl, dimension: DIMENSION } as const;
  const embedder = providerEmbedder(settings, EMBED_DEFAULTS, systemClock);
  const embed = () => embedder.embed(TEXTS, Purpose.DOCUMENT, new AbortController().signal);
  const told = new Map<string, number>();
  await withTurnWatch(
    Object.keys(answers),
    async (name) => {
      server.instead = () => answerWith(answers[name]);
      told.set(
        name,
        await embed().then(
          ({ vectors }) => vectors.length,
          () => 0,
        ),
      );
    },
    { name: (name) => name },
  );
  expect([...told].filter(([, vectors]) => vectors > 0)).toEqual([['vectors', TEXTS.length]]);
});
