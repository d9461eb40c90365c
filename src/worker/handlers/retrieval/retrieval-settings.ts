// What can be set for the retrieval capability, with what holds when nothing is.
import type { Secret } from '../../../base/secret.ts';

export interface RetrievalSettings {
  /**
   * Postgres with pgvector 0.8 or later, of its own: never the control plane's, whose credentials no worker has. Undefined: the
   * database is embedded in the home, and one worker at a time can use it.
   */
  readonly databaseUrl: Secret | undefined;
  /** Connections to Postgres. Default 5. */
  readonly maxConnections: number;
  /** Time of one statement in milliseconds. Default 60,000. */
  readonly statementTimeoutMs: number;
  /** Time until a connection is open or free, in milliseconds. Default 10,000. */
  readonly connectTimeoutMs: number;
  /** Estimated tokens that a passage should not exceed. Documents are cut anew when it changes. Default 400. */
  readonly passageTokens: number;
  /** Estimated tokens that two pieces of one cut paragraph share. Default 40. */
  readonly overlapTokens: number;
  /** Passages of one document. Default 20,000. */
  readonly documentPassages: number;
  /** Time for cutting one document, in milliseconds. Default 60,000. */
  readonly documentMs: number;
  /** Collections of one tenant. Default 1,000. */
  readonly tenantCollections: number;
  /** Documents of one collection. Default 100,000. */
  readonly collectionDocuments: number;
  /** Passages of one collection. Default 1,000,000. */
  readonly collectionPassages: number;
  /** Bytes of text of one collection. Default 4 GiB. */
  readonly collectionBytes: number;
  /** Up to so many passages a search compares all vectors; beyond, the collection gets an index (HNSW). Default 5,000. */
  readonly exactVectors: number;
  /** The same for the embedded database, where an index costs more than it saves for longer. Default 30,000. */
  readonly embeddedExactVectors: number;
  /** Pages that the embedded database keeps in memory. Default 32 MiB. */
  readonly embeddedCacheBytes: number;
}

export const RETRIEVAL_DEFAULTS: RetrievalSettings = Object.freeze({
  databaseUrl: undefined,
  maxConnections: 5,
  statementTimeoutMs: 60_000,
  connectTimeoutMs: 10_000,
  passageTokens: 400,
  overlapTokens: 40,
  documentPassages: 20_000,
  documentMs: 60_000,
  tenantCollections: 1_000,
  collectionDocuments: 100_000,
  collectionPassages: 1_000_000,
  collectionBytes: 4 * 2 ** 30,
  exactVectors: 5_000,
  embeddedExactVectors: 30_000,
  embeddedCacheBytes: 32 << 20,
});

/** Which of the two bounds holds. */
export const exactUpTo = (settings: RetrievalSettings, embedded: boolean): number =>
  embedded ? settings.embeddedExactVectors : settings.exactVectors;
