// Adds documents of this box to a collection: the edge grants and writes down what leaves, then exactly these bytes are sent
// to the control plane, some at a time. What was sent before an error stays there; the same call again goes on.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  type DocumentSchema,
  type IngestedDocument,
  IngestedDocumentSchema,
  IngestState,
  RetrievalService,
} from '../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import {
  type Grant,
  type GrantedDocument,
  type GrantedFolder,
  type LeftOut,
  LeftOutSchema,
  LocalService,
} from '../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../base/errors.ts';
import { fixedLimit } from '../base/fixed-limit.ts';
import { formOf } from '../base/same-name.ts';
import { toAppError } from '../contract/errors.ts';
import type { Side } from './client.ts';
import { type KeptDocument, type LeftBehind, leftBehind } from './left-behind.ts';

export interface DocsAddParts {
  readonly edge: Side;
  readonly control: Side;
  readonly collection: string;
  readonly patterns: readonly string[];
  readonly recipients: readonly string[];
  /** Patterns of what is left out, as in .gitignore. */
  readonly excludes: readonly string[];
  /** Whether .gitignore counts, too. */
  readonly gitignore: boolean;
  /** Take documents out of the collection whose files are gone from the folders. */
  readonly sync: boolean;
  readonly signal: AbortSignal;
  /** What leaves, after it was granted and before it is sent. */
  readonly onGranted: (granted: Granted) => void;
  /** How many documents are done, and which one is next. */
  readonly onProgress: (done: number, next: string) => void;
}

/** What the edge granted, of all that was named. */
export interface Granted {
  /** One for each request; several where much was named. */
  readonly grants: readonly Grant[];
  readonly documents: readonly GrantedDocument[];
  readonly folders: readonly GrantedFolder[];
  readonly leftOut: readonly LeftOut[];
  /** How many were left out beside those. */
  readonly moreLeftOut: number;
}

/** Patterns of one request, which the contract bounds. */
const PATTERNS = 64;
/** Bytes of one document, which the contract bounds. */
const DOCUMENT_BYTES = 8 << 20;

/** Documents and bytes of one request: a request fits a frame, and its answer comes within its time. */
const BATCH = 16;
const BATCH_BYTES = 1 << 20;

/** Most time of one request. */
const TIMEOUT_MS = 300_000;

export interface AddedDocuments {
  /** One entry for each document, in order. */
  readonly documents: readonly IngestedDocument[];
  /** Files and folders that could not be read; nothing of them left this box. */
  readonly leftOut: readonly LeftOut[];
  readonly moreLeftOut: number;
  /** Documents whose files are gone from the folders that were named. */
  readonly gone: readonly LeftBehind[];
  /** Whether those were taken out. */
  readonly removed: boolean;
}

/** Throws what the edge or the control plane refuses with. */
export async function addDocuments(parts: DocsAddParts): Promise<AddedDocuments> {
  const { control, collection, signal } = parts;
  // Nothing is granted for a control plane that does not know this key, or that keeps no documents.
  await control.client(RetrievalService).listCollections({ pageSize: 1 }, { signal });
  const granted = await grantAll(parts);
  parts.onGranted(granted);
  const results: IngestedDocument[] = [];
  for (const batch of batches(granted.documents)) {
    parts.onProgress(results.length, batch[0]?.path ?? '');
    const read = await Promise.all(batch.map((document) => bodyOf(document)));
    const documents = read.filter((each) => 'id' in each);
    const answered = documents.length > 0 ? await send(control, collection, documents, signal) : [];
    for (const each of read) results.push('id' in each ? (answered.shift() ?? lost(each.id)) : each.failed);
  }
  parts.onProgress(results.length, '');
  const { leftOut, moreLeftOut } = granted;
  const gone = await goneFrom(control, collection, granted, signal);
  // A renamed one goes only when its new name is there.
  const there = new Set(results.flatMap(({ id, state }) => (state === IngestState.FAILED ? [] : [formOf(id)])));
  const out = parts.sync ? gone.filter(({ now }) => now === '' || there.has(formOf(now))).map(({ id }) => id) : [];
  for (let from = 0; from < out.length; from += REMOVED_AT_ONCE) {
    const ids = out.slice(from, from + REMOVED_AT_ONCE);
    const what = { case: 'documents' as const, value: { ids } };
    await control.client(RetrievalService).delete({ collection, what }, { signal });
  }
  return { documents: results, leftOut, moreLeftOut, gone, removed: parts.sync };
}

/** A document of the edge's answer, and the grant under which it leaves. */
type Leaving = GrantedDocument & { readonly under: string };

/**
 * Everything that was named, in as many requests as it takes. What one of them means nothing by is left out, where another means
 * something. Throws what the edge refuses with.
 */
async function grantAll({ edge, collection, patterns, recipients, excludes, gitignore, signal }: DocsAddParts) {
  const all = {
    grants: [] as Grant[],
    documents: [] as Leaving[],
    folders: [] as GrantedFolder[],
    leftOut: [] as LeftOut[],
  };
  let moreLeftOut = 0;
  let refused: unknown;
  for (let from = 0; from < patterns.length; from += PATTERNS) {
    const some = patterns.slice(from, from + PATTERNS);
    const request = { collection, patterns: some, recipients: [...recipients], excludes: [...excludes], gitignore };
    try {
      const granted = await edge.client(LocalService).grantDocuments(request, { signal });
      const under = granted.grant?.id ?? '';
      if (granted.grant) all.grants.push(granted.grant);
      for (const document of granted.documents) all.documents.push(Object.assign(document, { under }));
      all.folders.push(...granted.folders);
      all.leftOut.push(...granted.leftOut);
      moreLeftOut += granted.moreLeftOut;
    } catch (error) {
      const known = toAppError(error);
      if (patterns.length <= PATTERNS || known.reason !== 'SHARE_NO_MATCH') throw error;
      refused = error;
      for (const path of some)
        all.leftOut.push(create(LeftOutSchema, { path, reason: known.reason, problem: 'nothing of it can be read' }));
    }
  }
  if (all.grants.length === 0) throw refused;
  return { ...all, moreLeftOut };
}

const REMOVED_AT_ONCE = 1000;
const PAGE = 1000;

async function goneFrom(
  control: Side,
  collection: string,
  { folders, documents, leftOut }: Granted,
  signal: AbortSignal,
): Promise<LeftBehind[]> {
  if (folders.length === 0) return [];
  const kept: KeptDocument[] = [];
  let pageToken = '';
  do {
    const request = { collection, pageSize: PAGE, pageToken };
    const page = await control.client(RetrievalService).listDocuments(request, { signal });
    for (const { id, sha256 } of page.documents) kept.push({ id, sha256 });
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  const added = folders.map(({ path: name, glob }) => ({ name, glob }));
  const unread = leftOut.map(({ path }) => path);
  return leftBehind(added, kept, documents, unread);
}

/** What became of each. What one of several is refused for does not stand in the way of the others. */
async function send(
  control: Side,
  collection: string,
  documents: readonly Body[],
  signal: AbortSignal,
): Promise<IngestedDocument[]> {
  try {
    const request = { collection, documents: [...documents] };
    const answer = await control.client(RetrievalService).ingest(request, { signal, timeoutMs: TIMEOUT_MS });
    return [...answer.documents];
  } catch (error) {
    const { reason, message } = toAppError(error);
    if (signal.aborted || !OF_ONE.has(reason)) throw error;
    const [only] = documents;
    if (only && documents.length === 1) return [failure(only.id, reason, message)];
    const each: IngestedDocument[] = [];
    for (const document of documents) each.push(...(await send(control, collection, [document], signal)));
    return each;
  }
}

/** What a request is refused for because of a document in it. */
const OF_ONE: ReadonlySet<string> = new Set([
  ...['LIMIT_EXCEEDED', 'INVALID_ARGUMENT', 'MESSAGE_TOO_LARGE', 'REQUEST_TOO_LARGE', 'RESULT_TOO_LARGE'],
  ...['DEADLINE_EXCEEDED', 'JOB_FAILED', 'WORKER_LOST', 'STORE_REFUSED'],
]);

function* batches(documents: readonly Leaving[]): Generator<Leaving[]> {
  let batch: Leaving[] = [];
  let bytes = 0;
  for (const document of documents) {
    const size = Number(document.bytes);
    if (batch.length >= BATCH || (batch.length > 0 && bytes + size > BATCH_BYTES)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(document);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

type Body = MessageInitShape<typeof DocumentSchema> & { readonly id: string };

/** The document as it was granted; one that changed meanwhile, or is gone, is not sent. */
async function bodyOf(document: Leaving): Promise<Body | { failed: IngestedDocument }> {
  const { path, realPath, sha256, bytes, under: grant } = document;
  try {
    if (bytes > DOCUMENT_BYTES) throw fixedLimit('a document', DOCUMENT_BYTES, 'split it into smaller files');
    const data = await readFile(realPath);
    const hash = createHash('sha256').update(data).digest();
    if (Buffer.compare(hash, sha256) !== 0) throw new AppError('FILE_CHANGED');
    const text = textOf(data);
    const body = text === undefined ? { case: 'data' as const, value: data } : { case: 'text' as const, value: text };
    return { id: path, body, grant };
  } catch (error) {
    const { reason, message } =
      error instanceof AppError ? error : new AppError('FILE_UNREADABLE', {}, { cause: error });
    return { failed: failure(path, reason, message) };
  }
}

/** UTF-8 text, or undefined for everything else: a PDF, another encoding. */
function textOf(data: Buffer): string | undefined {
  if (data.includes(0)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    return undefined;
  }
}

const failure = (id: string, reason: string, problem: string): IngestedDocument =>
  create(IngestedDocumentSchema, { id, state: IngestState.FAILED, reason, problem });

const lost = (id: string): IngestedDocument => failure(id, 'INTERNAL', 'the worker said nothing of it');
