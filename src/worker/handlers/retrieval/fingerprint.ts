// What tells a changed document from an unchanged one.
import { createHash } from 'node:crypto';
import type { Document } from '../../../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { CUTTING } from './passages/cutting.ts';
import type { RetrievalSettings } from './retrieval-settings.ts';

export interface Fingerprint {
  /** SHA-256 of its content as it came; text as UTF-8. */
  readonly sha256: Buffer;
  /** Over the content, what is kept beside it but for its grant, and how it is cut: the same under another grant is unchanged. */
  readonly whole: Buffer;
}

export function fingerprint(document: Document, settings: RetrievalSettings): Fingerprint {
  const { body, id, mediaType, title, metadata } = document;
  const sha256 = createHash('sha256')
    .update(body.value ?? '')
    .digest();
  const { passageTokens, overlapTokens } = settings;
  const pairs = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  const beside = [CUTTING, passageTokens, overlapTokens, body.case, id, mediaType, title, pairs];
  return { sha256, whole: createHash('sha256').update(sha256).update(JSON.stringify(beside)).digest() };
}
