// How well a search in documents tells questions that they answer from those that they do not, with the built-in vectors.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../../../src/base/logger.ts';
import { RETRIEVAL_DEFAULTS } from '../../../src/worker/handlers/retrieval/retrieval-settings.ts';
import { openPassageDatabase } from '../../../src/worker/handlers/retrieval/store/open-database.ts';
import { LEXICAL, RetrievalRig } from '../retrieval-rig.ts';
import { DOCUMENT_QUESTIONS, documentTexts } from './document-questions.ts';

export interface DocumentScore {
  /** Of the questions that a document answers: the share for which it is found. */
  readonly recall: number;
  /** Of the same: the share for which it is found first. */
  readonly precision: number;
  /** Of the questions that none answers: the share for which nothing is found. */
  readonly refusals: number;
  /** One line for each question that went wrong. */
  readonly wrong: readonly string[];
}

const TENANT = 'questions';
const AT_ONCE = 30;

export async function scoreDocuments(): Promise<DocumentScore> {
  const folder = mkdtempSync(join(tmpdir(), 'bowline-documents-'));
  const database = await openPassageDatabase(folder, RETRIEVAL_DEFAULTS, silentLogger);
  const rig = new RetrievalRig(async () => database, { model: LEXICAL });
  try {
    const texts = Object.entries(documentTexts());
    for (let at = 0; at < texts.length; at += AT_ONCE)
      await rig.ingest(TENANT, 'docs', Object.fromEntries(texts.slice(at, at + AT_ONCE)));
    return await scored(rig);
  } finally {
    await rig.close();
    await database.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function scored(rig: RetrievalRig): Promise<DocumentScore> {
  const wrong: string[] = [];
  const count = { answered: 0, found: 0, first: 0, unanswered: 0, refused: 0 };
  for (const { text, document } of DOCUMENT_QUESTIONS) {
    const found = (await rig.find(TENANT, text, { collections: ['docs'] })).map((passage) => passage.document);
    if (document === undefined) {
      count.unanswered++;
      if (found.length === 0) count.refused++;
      else wrong.push(`${text}: nothing answers it, and ${found.length} passages are found, first of ${found[0]}`);
      continue;
    }
    count.answered++;
    if (found.includes(document)) count.found++;
    if (found[0] === document) count.first++;
    else wrong.push(`${text}: ${document} is ${found.includes(document) ? `after ${found[0]}` : 'not found'}`);
  }
  return {
    recall: count.found / count.answered,
    precision: count.first / count.answered,
    refusals: count.refused / count.unanswered,
    wrong,
  };
}
