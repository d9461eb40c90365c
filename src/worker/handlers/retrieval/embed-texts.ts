// Has texts embedded by a worker that serves it, in batches that its contract takes, and sees to it that one model made them all.
import { EmbedService, Purpose } from '../../../../gen/bowline/capability/embed/v1/embed_pb.ts';
import { AppError } from '../../../base/errors.ts';
import type { HandlerContext } from '../../kit/handler.ts';
import type { CollectionModel } from './store/put-document.ts';

/** One call: so many that vectors of 8,192 numbers, the most there are, fit into the result of a job; bytes that keep the frame small. */
const TEXTS = 96;
const BYTES = 1 << 20;
/** Calls at once. */
const PARALLEL = 4;

export interface EmbeddedTexts {
  readonly model: CollectionModel;
  /** In the order of the texts, as pgvector reads them. */
  readonly vectors: readonly string[];
}

/** `model` is the worker's name of it, empty for its default. `embedded` hears how many are done. Throws the error of the call. */
export async function embed(
  texts: readonly string[],
  purpose: 'document' | 'query',
  model: string,
  context: HandlerContext,
  embedded: (done: number) => void = () => {},
): Promise<EmbeddedTexts> {
  const batches = batchesOf(texts);
  const answers: EmbeddedTexts[] = [];
  let done = 0;
  for (let at = 0; at < batches.length; at += PARALLEL) {
    const some = batches.slice(at, at + PARALLEL);
    answers.push(
      ...(await Promise.all(
        some.map(async (batch) => {
          const answer = await embedBatch(batch, purpose, model, context);
          done += batch.length;
          embedded(done);
          return answer;
        }),
      )),
    );
  }
  const [first] = answers;
  if (!first) throw new AppError('INVALID_ARGUMENT', { what: 'there is nothing to embed' });
  for (const answer of answers) {
    if (answer.model.modelId !== first.model.modelId || answer.model.dimension !== first.model.dimension) {
      throw invalid('texts of one request were embedded by different models');
    }
  }
  return { model: first.model, vectors: answers.flatMap((answer) => answer.vectors) };
}

async function embedBatch(
  texts: readonly string[],
  purpose: 'document' | 'query',
  model: string,
  context: HandlerContext,
): Promise<EmbeddedTexts> {
  const [response] = await context.call(EmbedService.method.embed, {
    texts: [...texts],
    model,
    purpose: purpose === 'query' ? Purpose.QUERY : Purpose.DOCUMENT,
  });
  if (response?.vectors.length !== texts.length) throw invalid('there is not one vector for each text');
  const { dimension, lexical, model: modelId } = response;
  if (modelId === '') throw invalid('the vectors have no name of their model');
  const vectors = response.vectors.map(({ values }) => {
    if (values.length !== dimension || !values.every(Number.isFinite))
      throw invalid('a vector is not what it is said to be');
    return `[${values.join(',')}]`;
  });
  return { model: { model, modelId, dimension, lexical }, vectors };
}

function batchesOf(texts: readonly string[]): string[][] {
  const batches: string[][] = [];
  let bytes = 0;
  for (const text of texts) {
    const size = Buffer.byteLength(text);
    const last = batches.at(-1);
    if (last && last.length < TEXTS && bytes + size <= BYTES) last.push(text);
    else batches.push([text]);
    bytes = batches.at(-1) === last ? bytes + size : size;
  }
  return batches;
}

const invalid = (problem: string) => new AppError('MODEL_OUTPUT_INVALID', { problem });
