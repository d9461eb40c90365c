// Keeps vectors of texts that come again. A tenant never meets another's: what is found is what the same tenant gave.
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Purpose } from '../../../../gen/bowline/capability/embed/v1/embed_pb.ts';

/** What an entry takes beside its numbers, roughly. */
const ENTRY_BYTES = 512;

export class VectorCache {
  readonly #vectors: LRUCache<string, Float32Array> | undefined;

  /** Keeps at most `bytes`, the longest unused goes first; 0 keeps nothing. */
  constructor(bytes: number) {
    this.#vectors =
      bytes > 0
        ? new LRUCache({ maxSize: bytes, sizeCalculation: (vector) => vector.byteLength + ENTRY_BYTES })
        : undefined;
  }

  /** The vectors of one tenant, model and purpose. Texts are known by their SHA-256, never kept. */
  of(tenant: string, model: string, purpose: Purpose): TextVectors {
    const head = JSON.stringify([tenant, model, purpose]);
    const key = (text: string) => head + createHash('sha256').update(text).digest('base64');
    return {
      get: (text) => this.#vectors?.get(key(text)),
      set: (text, vector) => void this.#vectors?.set(key(text), vector),
    };
  }
}

export interface TextVectors {
  get(text: string): Float32Array | undefined;
  set(text: string, vector: Float32Array): void;
}
