// Vectors of a GGUF file by the llama process, behind the port of the GGUF embedder.

import type { Llama } from '../../../llama/llama.ts';
import { type LlamaAsk, type LlamaEvent, type LlamaFile, MAX_EMBED_TOKENS } from '../../../llama/llama-messages.ts';
import type { LoadGgufModel } from './gguf-model.ts';

/** Loads the file at the first text. The embedder's calls come one at a time and end by themselves, so none is cancelled here. */
export function llamaEmbedding(name: string, path: string, llama: Llama): LoadGgufModel {
  const file: LlamaFile = { path, contextTokens: 0 };
  const { signal } = new AbortController();
  const ask = <K extends LlamaEvent['kind']>(kind: K, what: LlamaAsk) => llama.one(kind, name, file, what, signal);
  return async () => {
    const { dimension, trainTokens } = await ask('described', { kind: 'describe' });
    return {
      dimension,
      // Two for the marks that some models want around a text.
      maxTokens: Math.min(trainTokens, MAX_EMBED_TOKENS) - 2,
      countTokens: async (text) => (await ask('counted', { kind: 'count', texts: [text] })).tokens[0] ?? 0,
      embed: async (text) => (await ask('embedded', { kind: 'embed', text })).vector,
      close: () => llama.close(),
    };
  };
}
