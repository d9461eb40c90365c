// One loaded GGUF file in the llama process: counts, answers, makes vectors. One answer at a time; others wait their turn.
import { availableParallelism } from 'node:os';
import type {
  LibraryContext,
  LibraryEmbeddingContext,
  LibraryFunctions,
  LibraryLlama,
  LibraryModel,
  LlamaLibrary,
} from './llama-library.ts';
import {
  DEFAULT_CONTEXT_TOKENS,
  type LlamaChatRequest,
  type LlamaEvent,
  type LlamaTool,
  MAX_EMBED_TOKENS,
} from './llama-messages.ts';

/** Tokens that an answer has room for at least; a conversation that leaves less is too long. */
const MIN_ANSWER_TOKENS = 32;
/** Tokens kept free at the end of a context, where the library would begin to forget. */
const MARGIN = 8;

/** Threads that compute: they wait for each other by spinning, so the worker and others keep half of the machine. */
const THREADS = Math.max(1, Math.floor(availableParallelism() / 2));

/** What an ask came to nothing for, beside what the library throws. */
export class TooLong extends Error {}
export class SchemaUnusable extends Error {}

export class LoadedModel {
  readonly #library: LlamaLibrary;
  readonly #llama: LibraryLlama;
  readonly #model: LibraryModel;
  readonly #contexts = new Map<number, Promise<LibraryContext>>();
  #embedding: Promise<LibraryEmbeddingContext> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(library: LlamaLibrary, llama: LibraryLlama, model: LibraryModel) {
    this.#library = library;
    this.#llama = llama;
    this.#model = model;
  }

  describe(contextTokens: number): LlamaEvent {
    const { embeddingVectorSize: dimension, trainContextSize: trainTokens } = this.#model;
    return { kind: 'described', contextTokens: this.#sizeOf(contextTokens), trainTokens, dimension };
  }

  count(texts: readonly string[]): LlamaEvent {
    return { kind: 'counted', tokens: texts.map((text) => this.#model.tokenize(text).length) };
  }

  /** Throws TooLong, SchemaUnusable, the signal's reason within a token of its abort. */
  chat(
    request: LlamaChatRequest,
    contextTokens: number,
    signal: AbortSignal,
    tell: (event: LlamaEvent) => void,
  ): Promise<LlamaEvent> {
    return this.#inTurn(() => this.#chat(request, contextTokens, signal, tell));
  }

  embed(text: string, signal: AbortSignal): Promise<LlamaEvent> {
    return this.#inTurn(async () => {
      signal.throwIfAborted();
      this.#embedding ??= this.#model.createEmbeddingContext({
        contextSize: Math.min(this.#model.trainContextSize, MAX_EMBED_TOKENS),
        threads: THREADS,
      });
      const { vector } = await (await this.#embedding).getEmbeddingFor(text);
      return { kind: 'embedded', vector: [...vector] };
    });
  }

  async #chat(
    { messages, tools, schema, maxTokens, temperature }: LlamaChatRequest,
    contextTokens: number,
    signal: AbortSignal,
    tell: (event: LlamaEvent) => void,
  ): Promise<LlamaEvent> {
    signal.throwIfAborted();
    const size = this.#sizeOf(contextTokens);
    const grammar = schema === undefined ? undefined : await this.#grammar(schema);
    const functions = tools.length === 0 || grammar !== undefined ? undefined : await this.#functions(tools);
    const context = await this.#context(size);
    const sequence = context.getSequence();
    const chat = new this.#library.LlamaChat({ contextSequence: sequence });
    const full = new AbortController();
    try {
      const offered = functions ? { availableFunctions: functions, documentFunctionParams: true } : {};
      const { contextText } = chat.chatWrapper.generateContextState({ chatHistory: messages, ...offered });
      const room = context.contextSize - contextText.tokenize(this.#model.tokenizer).length - MARGIN;
      if (room < MIN_ANSWER_TOKENS) throw new TooLong(`${-room} tokens too many`);
      const ended = await chat
        .generateResponse(messages, {
          maxTokens: maxTokens > 0 ? Math.min(maxTokens, room) : room,
          temperature,
          signal: AbortSignal.any([signal, full.signal]),
          onTextChunk: (text) => text !== '' && tell({ kind: 'text', text }),
          ...(functions ? { functions, documentFunctionParams: true } : {}),
          ...(grammar === undefined ? {} : { grammar }),
          // Nothing of a conversation is forgotten silently: the answer ends there.
          contextShift: {
            strategy: ({ chatHistory }) => {
              full.abort();
              return { chatHistory: [...chatHistory] };
            },
          },
        })
        .catch((error: unknown) => {
          signal.throwIfAborted();
          if (full.signal.aborted) return { functionCalls: [], metadata: { stopReason: 'maxTokens' } };
          throw error;
        });
      const calls = ended.functionCalls ?? [];
      for (const { functionName, params } of calls) tell({ kind: 'call', name: functionName, params: params ?? {} });
      const { usedInputTokens: inputTokens, usedOutputTokens: outputTokens } = sequence.tokenMeter;
      const reason = calls.length > 0 ? 'calls' : ended.metadata.stopReason === 'maxTokens' ? 'length' : 'stop';
      return { kind: 'finished', reason, usage: { inputTokens, outputTokens } };
    } finally {
      chat.dispose();
      // Nothing of a conversation stays for the next one, which may be another tenant's.
      sequence.dispose();
    }
  }

  #sizeOf(contextTokens: number): number {
    return contextTokens > 0 ? contextTokens : Math.min(this.#model.trainContextSize, DEFAULT_CONTEXT_TOKENS);
  }

  /** One for each size that models.yaml names. */
  #context(contextSize: number): Promise<LibraryContext> {
    const known = this.#contexts.get(contextSize);
    if (known) return known;
    const made = this.#model.createContext({ contextSize, sequences: 1, threads: THREADS });
    this.#contexts.set(contextSize, made);
    // There may be memory for it at the next try.
    made.catch(() => this.#contexts.delete(contextSize));
    return made;
  }

  async #grammar(schema: unknown): Promise<unknown> {
    try {
      return await this.#llama.createGrammarForJsonSchema(schema);
    } catch (error) {
      throw new SchemaUnusable('no grammar can be made of it', { cause: error });
    }
  }

  /** Tools whose schema no grammar can be made of take any object. */
  async #functions(tools: readonly LlamaTool[]): Promise<LibraryFunctions> {
    const entries = await Promise.all(
      tools.map(async ({ name, description, params }) => {
        const usable = await this.#llama.createGrammarForJsonSchema(params).then(
          () => true,
          () => false,
        );
        return [
          name,
          { description, params: usable ? params : { type: 'object', additionalProperties: true } },
        ] as const;
      }),
    );
    return Object.fromEntries(entries);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }
}
