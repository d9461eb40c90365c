// Puts documents into a collection: what is unchanged is left alone, what cannot be read fails alone, the others are cut, embedded
// where that was not done before, and each is exchanged in one transaction at the end. Until then the one before is found.
import { create } from '@bufbuild/protobuf';
import {
  type IngestedDocument,
  IngestedDocumentSchema,
  type IngestRequest,
  IngestState,
} from '../../../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { toAppError } from '../../../contract/errors.ts';
import type { DocumentParser } from '../../documents/document.ts';
import type { HandlerContext } from '../../kit/handler.ts';
import { cleanCut, cleanRead, mustBeKeepable } from './clean-text.ts';
import { textOfDocument } from './documents/document-text.ts';
import { embed } from './embed-texts.ts';
import { type Fingerprint, fingerprint } from './fingerprint.ts';
import type { Cutter } from './passages/cutter.ts';
import { exactUpTo, type RetrievalSettings } from './retrieval-settings.ts';
import { type CollectionRow, findCollection, findDocuments } from './store/collections.ts';
import type { PassageDatabase } from './store/database.ts';
import { missingVectors } from './store/missing-vectors.ts';
import { type CollectionModel, type NewDocument, nameGrants, otherModel, putDocument } from './store/put-document.ts';
import { ensureIndex } from './store/vector-index.ts';
import { wordPrefix } from './store/word-prefix.ts';

export interface IngestParts {
  readonly database: PassageDatabase;
  readonly parser: DocumentParser;
  readonly cutter: Cutter;
  readonly settings: RetrievalSettings;
}

/** Passages that are held in memory before they are embedded and put away, unless one document alone has more. */
const HELD = 1_024;
/** How often vectors that vanished meanwhile (another job removed the last passage that had them) are made again. */
const ATTEMPTS = 5;

interface Waiting {
  readonly at: number;
  readonly document: NewDocument;
  /** What is missing of its text. */
  readonly warning: string;
}

/** What concerns the document that is put away, not the request, the collection or the store. */
function isOfOne(error: unknown): error is AppError {
  return error instanceof AppError && !error.retryable && OF_ONE.has(error.reason);
}

const OF_ONE: ReadonlySet<string> = new Set([
  'LIMIT_EXCEEDED',
  'STORE_REFUSED',
  'PROVIDER_REFUSED',
  'MODEL_OUTPUT_INVALID',
  'CONTEXT_TOO_LONG',
  'INVALID_ARGUMENT',
]);

/** One ingest. */
export class Ingest {
  readonly #parts: IngestParts;
  readonly #request: IngestRequest;
  readonly #context: HandlerContext;
  readonly #results: IngestedDocument[] = [];
  /** Of each document of the request. */
  #prints: readonly Fingerprint[] = [];
  #known: CollectionModel | undefined;
  #collection: CollectionRow | undefined;
  #waiting: Waiting[] = [];

  constructor(parts: IngestParts, request: IngestRequest, context: HandlerContext) {
    this.#parts = parts;
    this.#request = request;
    this.#context = context;
  }

  /** What became of each document. Throws COLLECTION_OTHER_MODEL, and what stands in the way of all. */
  async run(): Promise<IngestedDocument[]> {
    const { documents } = this.#request;
    if (new Set(documents.map(({ id }) => id)).size !== documents.length) {
      throw new AppError('INVALID_ARGUMENT', { what: 'two of the documents have the same id' });
    }
    this.#prints = documents.map((document) => fingerprint(document, this.#parts.settings));
    for (const [at, document] of documents.entries()) {
      try {
        mustBeKeepable(document);
      } catch (error) {
        this.#failed(at, toAppError(error));
      }
    }
    const unchanged = await this.#unchanged();
    for (const [at, document] of documents.entries()) {
      this.#tell();
      if (this.#results[at]) continue;
      const passages = unchanged.get(document.id);
      if (passages !== undefined) {
        this.#done(at, IngestState.UNCHANGED, passages);
        continue;
      }
      await this.#read(at);
      if (this.#waiting.reduce((sum, { document }) => sum + document.passages.length, 0) >= HELD) await this.#put();
    }
    await this.#put();
    if (this.#collection) {
      const { database, settings } = this.#parts;
      await ensureIndex(database, this.#collection, exactUpTo(settings, database.embedded), this.#context.log);
    }
    return this.#results;
  }

  /** Documents that are as before, with their passages. */
  async #unchanged(): Promise<ReadonlyMap<string, number>> {
    const { tenant } = this.#context;
    const { collection: name, documents, model } = this.#request;
    const { database } = this.#parts;
    const { collection, same } = await database.within(tenant, 'look', async (scope) => {
      const row = await findCollection(scope, name);
      if (!row) return { collection: 0, same: [] };
      if (model !== '' && model !== row.model && model !== row.model_id) throw otherModel(name, row.model_id, model);
      const { model_id: modelId, dimension, lexical } = row;
      this.#known = { model: row.model, modelId, dimension, lexical };
      const there = await findDocuments(
        scope,
        row.id,
        documents.flatMap(({ id }, at) => (this.#results[at] ? [] : [id])),
      );
      const same = documents.flatMap((document, at) => {
        const stored = this.#results[at] ? undefined : there.get(document.id);
        return stored?.fingerprint.equals(this.#prints[at]!.whole) ? [{ document, stored }] : [];
      });
      return { collection: row.id, same };
    });
    const regranted = same.filter(({ document, stored }) => document.grant !== stored.grant_id);
    if (regranted.length > 0) {
      const documents = regranted.map(({ document }) => document);
      await database.within(tenant, 'change', (scope) => nameGrants(scope, collection, documents));
    }
    return new Map(same.map(({ document, stored }) => [document.id, stored.passages]));
  }

  /** Reads and cuts one; it waits to be embedded, or fails alone. */
  async #read(at: number): Promise<void> {
    const { signal, tenant } = this.#context;
    const { parser, cutter, settings } = this.#parts;
    const document = this.#request.documents[at]!;
    try {
      const read = cleanRead(await textOfDocument(document, tenant, parser, signal));
      const options = {
        target: settings.passageTokens,
        overlap: settings.overlapTokens,
        most: settings.documentPassages,
        prefix: wordPrefix(tenant, this.#request.collection),
      };
      const cut = cleanCut(await cutter.cut(read, options, signal));
      if (cut.passages.length === 0)
        throw new AppError('DOCUMENT_UNREADABLE', { problem: read.warning || 'it holds no text' });
      const { sha256, whole } = this.#prints[at]!;
      const { id, grant, metadata } = document;
      const { mediaType, warning } = read;
      this.#waiting.push({
        at,
        warning,
        document: { ...cut, id, mediaType, sha256, fingerprint: whole, grant, metadata },
      });
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof AppError)) throw error;
      this.#failed(at, error);
    }
  }

  /** Embeds what is missing of all that wait, and puts them away one by one. */
  async #put(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    if (waiting.length === 0) return;
    const texts = new Map<string, string>();
    for (const { document } of waiting) for (const { hash, embedded } of document.passages) texts.set(hash, embedded);
    const vectors = new Map<string, string>();
    try {
      await this.#embed(await this.#missing([...texts.keys()]), texts, vectors);
    } catch (error) {
      if (waiting.length === 1 && isOfOne(error)) return this.#failed(waiting[0]!.at, error);
      if (!isOfOne(error)) throw error;
      // One of them is what the model does not take: each is tried alone.
      for (const one of waiting) {
        this.#waiting = [one];
        await this.#put();
      }
      return;
    }
    const counted = new Set<string>();
    for (const { at, document, warning } of waiting) {
      try {
        await this.#putOne(at, document, texts, vectors, counted);
        this.#results[at]!.warning = warning;
      } catch (error) {
        if (!isOfOne(error)) throw error;
        this.#failed(at, error);
      }
    }
  }

  async #putOne(
    at: number,
    document: NewDocument,
    texts: ReadonlyMap<string, string>,
    vectors: Map<string, string>,
    counted: Set<string>,
  ): Promise<void> {
    const { database, settings } = this.#parts;
    const { tenant, signal } = this.#context;
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted();
      const put = await database.within(tenant, 'change', (scope) =>
        putDocument(scope, this.#request.collection, this.#known!, document, vectors, settings),
      );
      if (put.kind !== 'missing') {
        this.#collection = put.collection;
        const hashes = new Set(document.passages.map(({ hash }) => hash));
        const fresh = [...hashes].filter((hash) => vectors.has(hash) && !counted.has(hash));
        for (const hash of fresh) counted.add(hash);
        const state = { added: IngestState.ADDED, replaced: IngestState.REPLACED, unchanged: IngestState.UNCHANGED };
        return this.#done(at, state[put.kind], document.passages.length, fresh.length);
      }
      if (attempt === ATTEMPTS)
        throw new AppError('STORE_UNAVAILABLE', { problem: 'vectors vanish as fast as they are made' });
      await this.#embed(put.hashes, texts, vectors);
    }
  }

  #missing(hashes: readonly string[]): Promise<readonly string[]> {
    return this.#parts.database.within(this.#context.tenant, 'look', (scope) =>
      missingVectors(scope, this.#request.collection, hashes),
    );
  }

  async #embed(
    hashes: readonly string[],
    texts: ReadonlyMap<string, string>,
    vectors: Map<string, string>,
  ): Promise<void> {
    if (hashes.length === 0) return;
    const name = this.#known?.model ?? this.#request.model;
    const { model, vectors: made } = await embed(
      hashes.map((hash) => texts.get(hash)!),
      'document',
      name,
      this.#context,
      (done) => this.#tell(`embedded ${done} of ${hashes.length} passages`),
    );
    if (this.#known && this.#known.modelId !== model.modelId) {
      throw otherModel(this.#request.collection, this.#known.modelId, model.modelId);
    }
    this.#known = model;
    for (const [at, hash] of hashes.entries()) vectors.set(hash, made[at]!);
  }

  #done(at: number, state: IngestState, passages: number, embedded = 0): void {
    this.#results[at] = create(IngestedDocumentSchema, {
      id: this.#request.documents[at]!.id,
      state,
      passages,
      embedded,
    });
    this.#tell();
  }

  #failed(at: number, error: AppError): void {
    this.#results[at] = create(IngestedDocumentSchema, {
      id: this.#request.documents[at]!.id,
      state: IngestState.FAILED,
      reason: error.reason,
      problem: error.message,
    });
    this.#tell();
  }

  #tell(note?: string): void {
    const done = this.#results.reduce((sum) => sum + 1, 0);
    this.#context.progress(done, this.#request.documents.length, note);
  }
}
