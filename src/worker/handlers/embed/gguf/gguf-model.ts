// The port between the GGUF embedder and the library that runs such files, which is loaded only when one is configured.

/** A loaded model file. Calls come one at a time. */
export interface GgufModel {
  /** Numbers of its vectors. */
  readonly dimension: number;
  /** Tokens that it reads of one text. */
  readonly maxTokens: number;
  countTokens(text: string): number | Promise<number>;
  /** Numbers as the model gives them, of any length. */
  embed(text: string): Promise<readonly number[]>;
  close(): Promise<void>;
}

/** Throws what stands in the way: no library, no such file, a file that is no embedding model. */
export type LoadGgufModel = () => Promise<GgufModel>;
