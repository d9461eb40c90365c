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
  type GrantDocumentsResponse,
  type GrantedDocument,
  type LeftOut,
  LocalService,
} from '../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../base/errors.ts';
import { formOf } from '../base/same-name.ts';
import type { Side } from './client.ts';
import { type KeptDocument, type LeftBehind, leftBehind } from './left-behind.ts';

export interface DocsAddParts {
  readonly edge: Side;
  readonly control: Side;
  readonly collection: string;
  readonly patterns: readonly string[];
  readonly recipients: readonly string[];
  /** Take documents out of the collection whose files are gone from the folders. */
  readonly sync: boolean;
  readonly signal: AbortSignal;
  /** What leaves, after it was granted and before it is sent. */
  readonly onGranted: (granted: GrantDocumentsResponse) => void;
  /** How many documents are done, and which one is next. */
  readonly onProgress: (done: number, next: string) => void;
}

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
  /** Documents whose files are gone from the folders that were named. */
  readonly gone: readonly LeftBehind[];
  /** Whether those were taken out. */
  readonly removed: boolean;
}

/** Throws what the edge or the control plane refuses with. */
export async function addDocuments(parts: DocsAddParts): Promise<AddedDocuments> {
  const { edge, control, collection, recipients, signal } = parts;
  const granted = await edge
    .client(LocalService)
    .grantDocuments({ collection, patterns: [...parts.patterns], recipients: [...recipients] }, { signal });
  parts.onGranted(granted);
  const grant = granted.grant?.id ?? '';
  const results: IngestedDocument[] = [];
  for (const batch of batches(granted.documents)) {
    parts.onProgress(results.length, batch[0]?.path ?? '');
    const read = await Promise.all(batch.map((document) => bodyOf(document, grant)));
    const documents = read.filter((each) => 'id' in each);
    const answered = documents.length > 0 ? await send(control, collection, documents, signal) : [];
    for (const each of read) results.push('id' in each ? (answered.shift() ?? lost(each.id)) : each.failed);
  }
  parts.onProgress(results.length, '');
  const { leftOut } = granted;
  const gone = await goneFrom(control, collection, granted, signal);
  // A renamed one goes only when its new name is there.
  const there = new Set(results.flatMap(({ id, state }) => (state === IngestState.FAILED ? [] : [formOf(id)])));
  const out = parts.sync ? gone.filter(({ now }) => now === '' || there.has(formOf(now))).map(({ id }) => id) : [];
  for (let from = 0; from < out.length; from += REMOVED_AT_ONCE) {
    const ids = out.slice(from, from + REMOVED_AT_ONCE);
    const what = { case: 'documents' as const, value: { ids } };
    await control.client(RetrievalService).delete({ collection, what }, { signal });
  }
  return { documents: results, leftOut, gone, removed: parts.sync };
}

const REMOVED_AT_ONCE = 1000;
const PAGE = 1000;

async function goneFrom(
  control: Side,
  collection: string,
  { folders, documents, leftOut }: GrantDocumentsResponse,
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

async function send(
  control: Side,
  collection: string,
  documents: MessageInitShape<typeof DocumentSchema>[],
  signal: AbortSignal,
): Promise<IngestedDocument[]> {
  const request = { collection, documents };
  const answer = await control.client(RetrievalService).ingest(request, { signal, timeoutMs: TIMEOUT_MS });
  return [...answer.documents];
}

function* batches(documents: readonly GrantedDocument[]): Generator<GrantedDocument[]> {
  let batch: GrantedDocument[] = [];
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
async function bodyOf(
  { path, realPath, sha256 }: GrantedDocument,
  grant: string,
): Promise<Body | { failed: IngestedDocument }> {
  try {
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
