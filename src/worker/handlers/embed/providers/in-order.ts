// Puts the vectors of an answer into the order of the texts. The API numbers them; the AI SDK takes them as they come. Pure.

import { AppError } from '../../../../base/errors.ts';
import { isRecord } from '../../../../base/is-record.ts';

/** `body` is the answer as it came. Throws MODEL_OUTPUT_INVALID for numbers that do not count through. */
export function inOrder(embeddings: readonly number[][], body: unknown): readonly number[][] {
  const data: unknown = isRecord(body) ? body.data : undefined;
  if (!Array.isArray(data)) return embeddings;
  const indexes = data.map((item: unknown) => (isRecord(item) ? item.index : undefined));
  // Some servers number nothing.
  if (indexes.every((index) => index === undefined)) return embeddings;
  const ordered = new Array<number[] | undefined>(embeddings.length);
  embeddings.forEach((embedding, at) => {
    ordered[Number(indexes[at])] = embedding;
  });
  const whole = ordered.slice(0, embeddings.length).filter((embedding) => embedding !== undefined);
  if (whole.length === embeddings.length) return whole;
  throw new AppError('MODEL_OUTPUT_INVALID', { problem: 'its vectors are not numbered through' });
}
