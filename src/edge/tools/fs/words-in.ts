// Which words of an ask a file holds that nobody shared, and whether it has a secret: then nothing of it is told.
import { AppError } from '../../../base/errors.ts';
import type { OpenFile } from '../../allowlist/open-file.ts';
import { type ReadBounds, readPieces } from '../../files/content.ts';
import { SecretFinder } from '../../files/secret-content.ts';
import type { ToolCallContext, ToolParts } from '../tool.ts';
import { isDocument } from './query/file-class.ts';
import type { ReadBudget } from './read-budget.ts';
import { isOfBytes, type SecretMemory } from './secret-memory.ts';
import { WordFinder } from './term-search.ts';

/** What one search looks with. */
export interface WordSearch {
  readonly parts: Pick<ToolParts, 'limits' | 'texts'>;
  readonly secrets: SecretMemory;
  readonly budget: ReadBudget;
  readonly call: Pick<ToolCallContext, 'signal'>;
}

/** Of a file that is larger than one may be opened only lines are shared, and it is read in pieces. */
export const boundsOf = ({ parts: { limits }, call }: Pick<WordSearch, 'parts' | 'call'>): ReadBounds => ({
  maxBytes: limits.search_bytes,
  setting: 'limits.search_bytes',
  documentBytes: limits.file_bytes,
  signal: call.signal,
});

/** Which of the words a file holds, and whether it has a secret. What is no UTF-8 is read as the document that it may be. */
export async function wordsHeld(query: WordSearch, file: OpenFile, wanted: readonly string[]) {
  const { parts, secrets } = query;
  const known = secrets.recall(file);
  const small = file.stat.size <= parts.limits.file_bytes;
  const plain =
    small && isDocument(file.judged.name) ? undefined : await wordsOfBytes(query, file, wanted, small, known);
  const { sha256, words, secret } = plain ?? (await wordsOfText(query, file, wanted, known));
  if (known && !isOfBytes(known, sha256)) {
    secrets.forget(file);
    return wordsHeld(query, file, wanted);
  }
  const has = known?.secret ?? secret;
  if (!known) secrets.keep(file, sha256, has);
  return { found: words, secret: has };
}

interface Said {
  readonly sha256: Uint8Array;
  readonly words: ReadonlySet<string>;
  /** False also where it was not looked for, because it is known. */
  readonly secret: boolean;
}

/** Undefined for a file that is no text, and may be a document. */
async function wordsOfBytes(
  query: WordSearch,
  file: OpenFile,
  wanted: readonly string[],
  small: boolean,
  known: object | undefined,
): Promise<Said | undefined> {
  const said = looksFor(query, wanted, known);
  try {
    const bounds = { maxBytes: Number.POSITIVE_INFINITY, signal: query.call.signal };
    const sha256 = await readPieces(file, bounds, query.budget.inTime, said.add);
    return { sha256, ...said.end() };
  } catch (error) {
    if (!small || !(error instanceof AppError) || error.reason !== 'NOT_TEXT') throw error;
    return undefined;
  }
}

async function wordsOfText(
  query: WordSearch,
  file: OpenFile,
  wanted: readonly string[],
  known: object | undefined,
): Promise<Said> {
  const { parts } = query;
  const said = looksFor(query, wanted, known);
  const looked = await parts.texts.look(file, boundsOf(query), query.budget.inTime);
  await parts.texts.text(file, looked, boundsOf(query), 'exact', (piece) => {
    query.budget.inTime();
    said.add(piece);
  });
  return { sha256: looked.sha256, ...said.end() };
}

function looksFor({ parts }: WordSearch, wanted: readonly string[], known: object | undefined) {
  const words = new WordFinder(wanted);
  const secrets = known ? undefined : new SecretFinder();
  // A word of the ask may be a part of a secret of this box: whether a file holds that is not told either.
  const masked = parts.texts.mask('meant', (piece) => words.add(piece));
  const add = (piece: Uint8Array) => {
    masked.add(piece);
    secrets?.add(piece);
  };
  const end = () => {
    masked.end();
    words.end();
    return { words: words.found, secret: secrets?.found !== undefined };
  };
  return { add, end };
}
