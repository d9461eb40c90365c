// Serves bowline.capability.retrieval.v1 over a database that opens when it is first needed.
import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import {
  CollectionSchema,
  type DeleteRequest,
  DeleteResponseSchema,
  type IngestRequest,
  IngestResponseSchema,
  type ListCollectionsRequest,
  ListCollectionsResponseSchema,
  type ListDocumentsRequest,
  ListDocumentsResponseSchema,
  type ReEmbedRequest,
  RetrievalService,
  type SearchRequest,
  StoredDocumentSchema,
} from '../../../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { pageSizeOf, readPlace } from '../../../contract/paging.ts';
import type { DocumentParser } from '../../documents/document.ts';
import { defineHandler, type Handler, type HandlerContext } from '../../kit/handler.ts';
import { formsOf, mustBeName } from './clean-text.ts';
import { Ingest } from './ingest.ts';
import type { Cutter } from './passages/cutter.ts';
import { reEmbed } from './re-embed.ts';
import type { RetrievalSettings } from './retrieval-settings.ts';
import { searchPassages } from './search-passages.ts';
import {
  type CollectionRow,
  type DocumentRow,
  getCollection,
  listCollections,
  listDocuments,
} from './store/collections.ts';
import type { PassageDatabase } from './store/database.ts';
import { type Doomed, deleteDocuments } from './store/delete-documents.ts';
import { dropIndex } from './store/vector-index.ts';

export interface RetrievalParts {
  /** The open database. Throws what stands in its way. */
  database(): Promise<PassageDatabase>;
  readonly parser: DocumentParser;
  readonly cutter: Cutter;
  readonly settings: RetrievalSettings;
}

/** The retrieval capability over these parts. */
export function retrievalHandler(parts: RetrievalParts): Handler {
  return defineHandler(RetrievalService, {
    Ingest: async (request: IngestRequest, context: HandlerContext) => {
      const ingest = new Ingest({ ...parts, database: await parts.database() }, request, context);
      return create(IngestResponseSchema, { documents: await ingest.run() });
    },
    ReEmbed: async (request: ReEmbedRequest, context: HandlerContext) =>
      reEmbed(await parts.database(), parts.settings, request, context),
    Search: async (request: SearchRequest, context: HandlerContext) =>
      searchPassages(await parts.database(), parts.settings, request, context),
    Delete: async (request: DeleteRequest, context: HandlerContext) => remove(await parts.database(), request, context),
    ListCollections: async (request: ListCollectionsRequest, context: HandlerContext) =>
      collections(await parts.database(), request, context),
    ListDocuments: async (request: ListDocumentsRequest, context: HandlerContext) =>
      documents(await parts.database(), request, context),
  });
}

async function remove(database: PassageDatabase, { collection, what }: DeleteRequest, context: HandlerContext) {
  const doomed = doomedBy(what);
  if (doomed?.kind === 'documents') for (const id of doomed.ids) mustBeName('id', id);
  if (doomed?.kind === 'prefix') mustBeName('id_prefix', doomed.prefix);
  if (!doomed) return create(DeleteResponseSchema);
  const gone = await database.within(context.tenant, 'change', (scope) => deleteDocuments(scope, collection, doomed));
  if (gone.collection !== undefined) await dropIndex(database, gone.collection, context.log);
  const ids = new Set(gone.ids);
  const asked = what.case === 'documents' ? what.value.ids : [];
  const unknown = asked.filter((id) => !formsOf(id).some((form) => ids.has(form)));
  return create(DeleteResponseSchema, {
    documents: gone.documents,
    unknown,
    collectionRemoved: gone.collection !== undefined,
  });
}

function doomedBy(what: DeleteRequest['what']): Doomed | undefined {
  switch (what.case) {
    case 'documents':
      return { kind: 'documents', ids: what.value.ids.flatMap(formsOf) };
    case 'idPrefix':
      return { kind: 'prefix', prefix: what.value };
    case 'everything':
      // False says nothing, and so nothing goes.
      return what.value ? { kind: 'everything' } : undefined;
    default:
      return undefined;
  }
}

/** Entries of a page: 100 when none are asked for, 1000 at most. */
const entriesOf = (asked: number): number => pageSizeOf(asked, 100, 1000);

async function collections(
  database: PassageDatabase,
  { pageSize, pageToken }: ListCollectionsRequest,
  { tenant }: HandlerContext,
) {
  const after = readPlace(pageToken);
  const page = await database.within(tenant, 'look', (scope) => listCollections(scope, entriesOf(pageSize), after));
  return create(ListCollectionsResponseSchema, {
    collections: page.items.map(toCollection),
    nextPageToken: page.nextPageToken,
  });
}

async function documents(database: PassageDatabase, request: ListDocumentsRequest, { tenant }: HandlerContext) {
  const after = readPlace(request.pageToken);
  mustBeName('id_prefix', request.idPrefix);
  const page = await database.within(tenant, 'look', async (scope) => {
    const { id } = await getCollection(scope, request.collection);
    return listDocuments(scope, id, request.idPrefix, entriesOf(request.pageSize), after);
  });
  return create(ListDocumentsResponseSchema, {
    documents: page.items.map(toDocument),
    nextPageToken: page.nextPageToken,
  });
}

function toCollection(row: CollectionRow) {
  const { name, documents, passages, bytes, model_id: model, dimension, lexical, updated_at } = row;
  const more = { bytes: BigInt(bytes), updateTime: timestampFromDate(updated_at) };
  return create(CollectionSchema, { name, documents, passages, model, dimension, lexical, ...more });
}

function toDocument(row: DocumentRow) {
  const { id, title, media_type: mediaType, bytes, passages, metadata, sha256, updated_at } = row;
  const more = { bytes: BigInt(bytes), updateTime: timestampFromDate(updated_at), sha256: new Uint8Array(sha256) };
  return create(StoredDocumentSchema, { id, title, mediaType, passages, metadata, ...more });
}
