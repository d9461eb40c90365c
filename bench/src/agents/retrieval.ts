// The retrieval handler in a process of its own, on a corpus that a seed makes, with vectors of hashed letter trigrams (the stand-in of
// the tests, smaller than the built-in ones): searches through the index, by comparing all vectors, and hybrid.
import { silentLogger } from '../../../src/base/logger.ts';
import { Secret } from '../../../src/base/secret.ts';
import { RETRIEVAL_DEFAULTS } from '../../../src/worker/handlers/retrieval/retrieval-settings.ts';
import { type CollectionRow, getCollection } from '../../../src/worker/handlers/retrieval/store/collections.ts';
import type { PassageDatabase } from '../../../src/worker/handlers/retrieval/store/database.ts';
import { nearestPassages } from '../../../src/worker/handlers/retrieval/store/nearest.ts';
import { openPassageDatabase } from '../../../src/worker/handlers/retrieval/store/open-database.ts';
import { letterVector } from '../../../test/support/letter-vectors.ts';
import { RetrievalRig } from '../../../test/support/retrieval-rig.ts';
import { serveAgent } from '../harness/agent.ts';
import { type Corpus, makeCorpus, type Question } from '../harness/corpus.ts';

const TENANT = 'bench';
const COLLECTION = 'corpus';
const DIMENSION = 384;
const BATCH = 32;
const OPEN = { prefix: '', metadata: {} };

let database: PassageDatabase;
let rig: RetrievalRig;
let corpus: Corpus;
let collection: CollectionRow;
const vectors = new Map<Question, string>();

const near = (question: Question, how: 'index' | 'exact', limit: number) =>
  database.within(TENANT, 'look', (scope) => {
    const row = how === 'exact' ? { ...collection, indexed: false } : collection;
    return nearestPassages(scope, row, vectors.get(question)!, OPEN, limit, 0);
  });

const hybrid = (question: Question) => rig.find(TENANT, question.text, { collections: [COLLECTION], pageSize: 10 });

async function timed(run: (question: Question) => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (const question of corpus.questions) {
    const start = performance.now();
    await run(question);
    times.push(performance.now() - start);
  }
  return times;
}

serveAgent({
  open: async ({ folder, url, passages }: { folder: string; url: string | undefined; passages: number }) => {
    const settings = { ...RETRIEVAL_DEFAULTS, databaseUrl: url ? new Secret(url) : undefined };
    database = await openPassageDatabase(folder, settings, silentLogger);
    rig = new RetrievalRig(async () => database, {
      // The first ingest that finds so many makes the index.
      settings: { exactVectors: passages, embeddedExactVectors: passages, passageTokens: 250 },
      model: { name: `letters-${DIMENSION}`, dimension: DIMENSION },
    });
  },
  /** Ingests the corpus as documents of ten passages; gives passages, and the processor time of this process (a server's is not in it). */
  fill: async ({ passages, questions }: { passages: number; questions: number }) => {
    corpus = makeCorpus(1, passages, questions);
    const start = process.cpuUsage();
    for (let at = 0; at < corpus.documents.length; at += BATCH) {
      const some = corpus.documents.slice(at, at + BATCH);
      await rig.ingest(TENANT, COLLECTION, Object.fromEntries(some.map(({ id, text }) => [id, text])));
    }
    const { user, system } = process.cpuUsage(start);
    // One more than is compared one by one: now they get their index.
    await rig.ingest(TENANT, COLLECTION, { 'last.txt': 'The last one.' });
    collection = await database.within(TENANT, 'look', (scope) => getCollection(scope, COLLECTION));
    if (!collection.indexed) throw new Error('the collection has no index');
    for (const question of corpus.questions) {
      vectors.set(question, `[${letterVector(question.text, DIMENSION).join(',')}]`);
    }
    return { passages: collection.passages, cpuMs: (user + system) / 1000 };
  },
  index: () => timed((question) => near(question, 'index', 10)),
  exact: () => timed((question) => near(question, 'exact', 10)),
  hybrid: () => timed(hybrid),
  /** How many of the ten nearest the index finds. */
  recall: async () => {
    let found = 0;
    let there = 0;
    for (const question of corpus.questions) {
      const truth = await near(question, 'exact', 10);
      const through = new Set((await near(question, 'index', 10)).map(({ passage }) => passage));
      found += truth.filter(({ passage }) => through.has(passage)).length;
      there += truth.length;
    }
    return found / there;
  },
  /** Questions whose document is among the first ten: hybrid, and by vectors alone. */
  hits: async () => {
    const hits = { hybrid: 0, vector: 0 };
    for (const question of corpus.questions) {
      if ((await hybrid(question)).some(({ document }) => document === question.document)) hits.hybrid++;
      if ((await near(question, 'exact', 10)).some(({ document }) => document === question.document)) hits.vector++;
    }
    const { length } = corpus.questions;
    return { hybrid: hits.hybrid / length, vector: hits.vector / length };
  },
  close: async () => {
    await rig.close();
    await database.close();
  },
});
