// The port to where large payloads lie: whole byte strings under their hash, each tenant's apart. It knows no reason why one is kept; see
// kept-blobs.ts for that.
import { hash } from 'node:crypto';
import type { Transaction } from 'kysely';
import { AppError } from '../../base/errors.ts';
import type { Schema } from '../store/schema.ts';

/** The name of a blob. The tenant is part of it: the same bytes of two tenants are two blobs, so neither learns of the other's. */
export interface BlobName {
  readonly tenant: string;
  /** SHA-256 of the bytes, 64 lower-case hexadecimal digits. */
  readonly sha256: string;
}

/** What an adapter does. Its methods throw BLOB_STORE_AWAY or STORE_UNAVAILABLE when the store does not answer. */
export interface BlobBackend {
  /** For people, in errors and `status`. */
  readonly kind: 'database' | 'folder' | 's3';
  /** Durable when it returns. A reader sees all of it or nothing. Writing the same once more changes nothing. */
  write(name: BlobName, bytes: Uint8Array): Promise<void>;
  read(name: BlobName): Promise<Uint8Array | undefined>;
  /** Its bytes, undefined when it is not there. */
  size(name: BlobName): Promise<number | undefined>;
  /** Nothing happens when it is not there. `trx` is the transaction that the caller is in, for the adapter on the same database. */
  remove(name: BlobName, trx?: Transaction<Schema>): Promise<void>;
}

export interface BlobStore {
  /** Keeps the bytes; returns their hash. */
  put(tenant: string, bytes: Uint8Array): Promise<string>;
  /** Undefined when this tenant has no such blob. Throws BLOB_DAMAGED when the bytes do not match the hash. */
  get(name: BlobName): Promise<Uint8Array | undefined>;
  stat(name: BlobName): Promise<{ readonly size: number } | undefined>;
  delete(name: BlobName, trx?: Transaction<Schema>): Promise<void>;
}

/**
 * The store on its backends. It writes to the first one and reads from all in turn, so that an operator may move from the database to a
 * folder or a bucket without moving what is there.
 */
export function createBlobStore(first: BlobBackend, ...earlier: readonly BlobBackend[]): BlobStore {
  const all = [first, ...earlier];
  return {
    async put(tenant, bytes) {
      const name = { tenant, sha256: sha256Of(bytes) };
      // A known name has the right bytes, or will be found damaged at its next read; its size tells a write that was cut.
      if ((await first.size(name)) !== bytes.length) await first.write(name, bytes);
      return name.sha256;
    },
    async get(name) {
      if (!isHash(name.sha256)) return undefined;
      for (const backend of all) {
        const bytes = await backend.read(name);
        if (bytes === undefined) continue;
        if (sha256Of(bytes) !== name.sha256) throw new AppError('BLOB_DAMAGED', { sha256: name.sha256 });
        return bytes;
      }
      return undefined;
    },
    async stat(name) {
      if (!isHash(name.sha256)) return undefined;
      for (const backend of all) {
        const size = await backend.size(name);
        if (size !== undefined) return { size };
      }
      return undefined;
    },
    async delete(name, trx) {
      if (!isHash(name.sha256)) return;
      for (const backend of all) await backend.remove(name, trx);
    },
  };
}

const isHash = (text: string): boolean => /^[0-9a-f]{64}$/.test(text);

export const sha256Of = (bytes: Uint8Array): string => hash('sha256', bytes, 'hex');

/** A path below which the blobs of a tenant lie, outside of the database. It tells nothing of the tenant's name. */
export const blobPath = ({ tenant, sha256 }: BlobName): string =>
  `${hash('sha256', tenant, 'hex').slice(0, 32)}/${sha256.slice(0, 2)}/${sha256}`;
