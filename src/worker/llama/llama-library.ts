// The part of node-llama-cpp that is used, by shape: it is an optional peer, so neither its types nor its code may be needed to
// build or start. Loaded in the llama process alone.
import type { LlamaMessage } from './llama-messages.ts';

/** The package; a name in a variable, so that no tool looks for it at build time. */
export const LLAMA_PACKAGE: string = 'node-llama-cpp';

export type Token = number;

export interface LibraryModel {
  readonly trainContextSize: number;
  readonly embeddingVectorSize: number;
  readonly tokenizer: unknown;
  tokenize(text: string): Token[];
  createContext(options: { contextSize: number; sequences: number; threads: number }): Promise<LibraryContext>;
  createEmbeddingContext(options: { contextSize: number; threads: number }): Promise<LibraryEmbeddingContext>;
  dispose(): Promise<void>;
}

export interface LibraryContext {
  readonly contextSize: number;
  getSequence(): LibrarySequence;
}

export interface LibrarySequence {
  readonly tokenMeter: { readonly usedInputTokens: number; readonly usedOutputTokens: number };
  dispose(): void;
}

export interface LibraryEmbeddingContext {
  getEmbeddingFor(text: string): Promise<{ readonly vector: readonly number[] }>;
}

/** Tools by name, as the library's templates and grammars take them. */
export type LibraryFunctions = Readonly<Record<string, { readonly description: string; readonly params: unknown }>>;

export interface GenerateOptions {
  readonly maxTokens: number;
  readonly temperature: number;
  readonly signal: AbortSignal;
  readonly onTextChunk: (text: string) => void;
  readonly functions?: LibraryFunctions;
  readonly documentFunctionParams?: boolean;
  readonly grammar?: unknown;
  /** Called when the context is full; what it throws is not heeded. */
  readonly contextShift: {
    readonly strategy: (options: { chatHistory: readonly unknown[] }) => { chatHistory: unknown[] };
  };
}

export interface LibraryChat {
  readonly chatWrapper: {
    generateContextState(options: {
      chatHistory: readonly LlamaMessage[];
      availableFunctions?: LibraryFunctions;
      documentFunctionParams?: boolean;
    }): { readonly contextText: { tokenize(tokenizer: unknown): Token[] } };
  };
  generateResponse(
    history: readonly LlamaMessage[],
    options: GenerateOptions,
  ): Promise<{
    readonly functionCalls?: readonly { readonly functionName: string; readonly params: unknown }[];
    readonly metadata: { readonly stopReason: string };
  }>;
  dispose(): void;
}

export interface LibraryLlama {
  loadModel(options: { modelPath: string; gpuLayers: 'auto' | 0 }): Promise<LibraryModel>;
  createGrammarForJsonSchema(schema: unknown): Promise<unknown>;
}

export interface LlamaLibrary {
  getLlama(options: {
    gpu: 'auto' | false;
    build: 'never';
    skipDownload: true;
    logLevel: 'disabled';
    progressLogs: false;
  }): Promise<LibraryLlama>;
  readonly LlamaChat: new (options: { contextSequence: LibrarySequence }) => LibraryChat;
}
