// The tables of retrieval as TypeScript sees them; `migrations/` makes them. It holds types only.
import type { ColumnType, Generated, JSONColumnType } from 'kysely';

type Bytes = ColumnType<Buffer, Uint8Array, Uint8Array>;
type Time = ColumnType<Date, never, never>;

export interface RetrievalSchema {
  collection: {
    id: Generated<number>;
    tenant: string;
    name: string;
    /** As it was asked for at the first document; empty means the embed worker's default. */
    model: string;
    /** As the embed worker names it, with everything that makes its vectors differ. */
    model_id: string;
    dimension: number;
    lexical: boolean;
    documents: Generated<number>;
    passages: Generated<number>;
    bytes: Generated<number>;
    /** Whether its vectors have an index of their own. */
    indexed: Generated<boolean>;
    updated_at: Time;
  };
  document: {
    key: Generated<number>;
    tenant: string;
    collection: number;
    id: string;
    title: string;
    media_type: string;
    bytes: number;
    passages: number;
    sha256: Bytes;
    /** Over all that its passages are made of: equal means unchanged. */
    fingerprint: Bytes;
    /** The grant under which it left a device; empty for others. */
    grant_id: string;
    metadata: JSONColumnType<Record<string, string>>;
    updated_at: Time;
  };
  passage: {
    id: Generated<number>;
    tenant: string;
    collection: number;
    document: number;
    /** Place in its document, from 0. */
    ordinal: number;
    headings: JSONColumnType<string[]>;
    text: string;
    start_line: number;
    end_line: number;
    page: number;
    start_byte: number;
    end_byte: number;
    /** Of what was embedded for it: its vector is the one of the same collection and hash. */
    hash: Bytes;
    /** tsvector */
    words: string;
  };
  embedding: {
    tenant: string;
    collection: number;
    hash: Bytes;
    /** vector */
    embedding: string;
  };
}
