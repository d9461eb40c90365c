// Vectors of a GGUF file on this machine. The file is loaded at the first text; texts go one after the other, since the
// model is one.
import { create } from '@bufbuild/protobuf';
import { Purpose } from '../../../../../gen/bowline/capability/embed/v1/embed_pb.ts';
import { ModelInfoSchema } from '../../../../../gen/bowline/common/v1/common_pb.ts';
import type { Embedder } from '../embedder.ts';
import { unitVector } from '../unit-vector.ts';
import type { GgufModel, LoadGgufModel } from './gguf-model.ts';

export interface GgufSettings {
  /** Name in models.yaml. */
  readonly name: string;
  /** What the file is called in ids, e.g. its base name and the head of its SHA-256. */
  readonly model: string;
  /** Numbers of its vectors, as declared. */
  readonly dimension: number;
  /** What some models want before a text that is searched for, and before one that is found. */
  readonly queryPrefix?: string;
  readonly documentPrefix?: string;
}

export function ggufEmbedder(settings: GgufSettings, load: LoadGgufModel): Embedder {
  const { name, model, dimension, queryPrefix = '', documentPrefix = '' } = settings;
  const longest = queryPrefix.length > documentPrefix.length ? queryPrefix : documentPrefix;
  let loading: Promise<GgufModel> | undefined;
  let last: Promise<unknown> = Promise.resolve();
  const loaded = async (): Promise<GgufModel> => {
    loading ??= load();
    try {
      return await loading;
    } catch (error) {
      // The file may be there at the next try.
      loading = undefined;
      throw error;
    }
  };
  /** After everything that was asked for before. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work);
    last = turn.catch(() => {});
    return turn;
  };
  return {
    info: create(ModelInfoSchema, { provider: name, name: model, local: true, note: 'A model file on this machine.' }),
    id: `${name}/${model}-${dimension}`,
    dimension,
    lexical: false,
    fit: async (text) => {
      const file = await loaded();
      return fitTokens(text, async (piece) => (await file.countTokens(longest + piece)) <= file.maxTokens);
    },
    embed: async (texts, purpose, signal) => {
      const file = await loaded();
      const prefix = purpose === Purpose.QUERY ? queryPrefix : purpose === Purpose.DOCUMENT ? documentPrefix : '';
      const vectors: Float32Array[] = [];
      let tokens = 0;
      for (const text of texts) {
        const values = await inTurn(async () => {
          signal.throwIfAborted();
          return file.embed(prefix + text);
        });
        vectors.push(unitVector(values, dimension, name));
        tokens += await file.countTokens(prefix + text);
      }
      return { vectors, tokens };
    },
    close: async () => {
      const file = await loading?.catch(() => undefined);
      loading = undefined;
      await last;
      await file?.close();
    },
  };
}

/** The longest beginning that fits, whole in its code points; found by halving, since only the model can count. */
async function fitTokens(text: string, fits: (piece: string) => Promise<boolean>): Promise<string> {
  if (await fits(text)) return text;
  const signs = Array.from(text);
  let [least, most] = [0, signs.length];
  while (most - least > 1) {
    const middle = (least + most) >> 1;
    if (await fits(signs.slice(0, middle).join(''))) least = middle;
    else most = middle;
  }
  return signs.slice(0, least).join('');
}
