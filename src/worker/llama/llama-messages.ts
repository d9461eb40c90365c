// What a worker and its llama process say to each other. Plain data: it crosses a process boundary.

/** One message of a conversation, as the library's chat templates take it. */
export type LlamaMessage =
  | { readonly type: 'system' | 'user'; readonly text: string }
  | { readonly type: 'model'; readonly response: readonly (string | LlamaFunctionCall)[] };

/** A tool call of the model with what came of it. */
export interface LlamaFunctionCall {
  readonly type: 'functionCall';
  readonly name: string;
  readonly params: unknown;
  readonly result: unknown;
}

/** A tool that the model may call; its arguments are bound to `params`, a JSON Schema, by grammar. */
export interface LlamaTool {
  readonly name: string;
  readonly description: string;
  readonly params: unknown;
}

/** Which model, and how much of a conversation it is given room for. */
export interface LlamaFile {
  /** Absolute path of a GGUF file. */
  readonly path: string;
  /** Tokens of a context; 0 means those that it was trained for, at most `DEFAULT_CONTEXT_TOKENS`. */
  readonly contextTokens: number;
  /** `false`: computed by processors alone, also where the library has a build for graphics cards. */
  readonly gpu?: boolean;
}

export const DEFAULT_CONTEXT_TOKENS = 8192;

/** Tokens that are read for one vector, at most. */
export const MAX_EMBED_TOKENS = 2048;

export interface LlamaChatRequest {
  readonly messages: readonly LlamaMessage[];
  readonly tools: readonly LlamaTool[];
  /** JSON Schema that the answer is bound to by grammar. */
  readonly schema?: unknown;
  /** 0: until the context is full. */
  readonly maxTokens: number;
  readonly temperature: number;
}

export type LlamaAsk =
  | { readonly kind: 'describe' }
  | { readonly kind: 'count'; readonly texts: readonly string[] }
  | { readonly kind: 'chat'; readonly chat: LlamaChatRequest }
  | { readonly kind: 'embed'; readonly text: string };

/** To the process. An `abort` of an id that is not known any more means nothing. */
export type ToLlama =
  | { readonly id: number; readonly file: LlamaFile; readonly ask: LlamaAsk }
  | { readonly id: number; readonly abort: true };

export interface LlamaUsage {
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** Why an ask came to nothing. */
export type LlamaProblem = 'library' | 'file' | 'too-long' | 'schema' | 'aborted' | 'failed';

export type LlamaEvent =
  | {
      readonly kind: 'described';
      readonly contextTokens: number;
      readonly trainTokens: number;
      readonly dimension: number;
    }
  | { readonly kind: 'counted'; readonly tokens: readonly number[] }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'call'; readonly name: string; readonly params: unknown }
  | { readonly kind: 'finished'; readonly reason: 'stop' | 'length' | 'calls'; readonly usage: LlamaUsage }
  | { readonly kind: 'embedded'; readonly vector: readonly number[] }
  | { readonly kind: 'problem'; readonly problem: LlamaProblem; readonly detail: string };

/** From the process; each ask ends with one event that is neither text nor call. */
export interface FromLlama {
  readonly id: number;
  readonly event: LlamaEvent;
}
