// The rows of retrieval in the table of a worker's settings, and what the capability makes of them.
import type { Setting, SettingValues } from '../../../base/settings/setting.ts';
import { RETRIEVAL_DEFAULTS, type RetrievalSettings } from './retrieval-settings.ts';

const count = (name: string, what: string, fallback: number, min: number, max: number) =>
  ({
    env: `BOWLINE_RETRIEVAL_${name}`,
    group: 'retrieval',
    kind: 'number',
    unit: 'count',
    what,
    fallback,
    min,
    max,
  }) as const;

const ms = (name: string, what: string, fallback: number, max: number) =>
  ({ ...count(name, what, fallback, 1_000, max), unit: 'ms' }) as const;

const D = RETRIEVAL_DEFAULTS;

export const RETRIEVAL_ROWS = {
  retrievalDatabaseUrl: {
    env: 'BOWLINE_RETRIEVAL_DATABASE_URL',
    group: 'retrieval',
    kind: 'secret',
    what: 'URL of a Postgres with pgvector 0.8 or later, which must not be that of the control plane; if it is not set, the database is embedded in the home',
    shape: /^(postgres|postgresql):\/\/|^socket:/,
    like: 'postgres://user:password@host/name',
  },
  retrievalConnections: count('CONNECTIONS', 'connections to the Postgres of retrieval', D.maxConnections, 1, 500),
  retrievalStatementMs: ms(
    'STATEMENT_TIMEOUT_MS',
    'longest time of a statement of retrieval',
    D.statementTimeoutMs,
    3_600_000,
  ),
  retrievalConnectMs: ms(
    'CONNECT_TIMEOUT_MS',
    'longest wait until a connection to the Postgres of retrieval is open or free',
    D.connectTimeoutMs,
    120_000,
  ),
  retrievalPassageTokens: count(
    'PASSAGE_TOKENS',
    'estimated tokens of a passage; a document is cut anew when it changed, or when it comes again after this setting changed',
    D.passageTokens,
    50,
    4_000,
  ),
  retrievalOverlapTokens: count(
    'OVERLAP_TOKENS',
    'estimated tokens that two pieces of one cut paragraph share',
    D.overlapTokens,
    0,
    1_000,
  ),
  retrievalDocumentPassages: count(
    'DOCUMENT_PASSAGES',
    'most passages of one document of a collection',
    D.documentPassages,
    1,
    1_000_000,
  ),
  retrievalDocumentMs: ms('DOCUMENT_MS', 'longest time for cutting one document', D.documentMs, 3_600_000),
  retrievalTenantCollections: count(
    'TENANT_COLLECTIONS',
    'most collections of one tenant',
    D.tenantCollections,
    1,
    1_000_000,
  ),
  retrievalCollectionDocuments: count(
    'COLLECTION_DOCUMENTS',
    'most documents of one collection',
    D.collectionDocuments,
    1,
    100_000_000,
  ),
  retrievalCollectionPassages: count(
    'COLLECTION_PASSAGES',
    'most passages of one collection',
    D.collectionPassages,
    1,
    100_000_000,
  ),
  retrievalCollectionBytes: {
    ...count('COLLECTION_BYTES', 'text of one collection', D.collectionBytes, 1 << 20, 2 ** 44),
    unit: 'bytes',
  },
  retrievalExactVectors: count(
    'EXACT_VECTORS',
    'a collection with more passages gets an index; up to that, a search compares all vectors',
    D.exactVectors,
    0,
    10_000_000,
  ),
  retrievalEmbeddedExactVectors: count(
    'EMBEDDED_EXACT_VECTORS',
    'the same for the embedded database',
    D.embeddedExactVectors,
    0,
    10_000_000,
  ),
  retrievalEmbeddedCacheBytes: {
    ...count(
      'EMBEDDED_CACHE_BYTES',
      'bytes of pages that the embedded database of retrieval keeps in memory',
      D.embeddedCacheBytes,
      4 << 20,
      1 << 30,
    ),
    unit: 'bytes',
  },
} as const satisfies Record<string, Setting>;

/** The settings of the capability out of those of its worker. */
export const retrievalSettings = (all: SettingValues<typeof RETRIEVAL_ROWS>): RetrievalSettings =>
  Object.freeze({
    databaseUrl: all.retrievalDatabaseUrl,
    maxConnections: all.retrievalConnections,
    statementTimeoutMs: all.retrievalStatementMs,
    connectTimeoutMs: all.retrievalConnectMs,
    passageTokens: all.retrievalPassageTokens,
    overlapTokens: all.retrievalOverlapTokens,
    documentPassages: all.retrievalDocumentPassages,
    documentMs: all.retrievalDocumentMs,
    tenantCollections: all.retrievalTenantCollections,
    collectionDocuments: all.retrievalCollectionDocuments,
    collectionPassages: all.retrievalCollectionPassages,
    collectionBytes: all.retrievalCollectionBytes,
    exactVectors: all.retrievalExactVectors,
    embeddedExactVectors: all.retrievalEmbeddedExactVectors,
    embeddedCacheBytes: all.retrievalEmbeddedCacheBytes,
  });
