// The retrieval handler without a control plane: calls it in the name of a tenant, and embeds with a stand-in that counts.
import { create, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf';
import { type EmbedRequest, EmbedResponseSchema } from '../../gen/bowline/capability/embed/v1/embed_pb.ts';
import { RetrievalService } from '../../gen/bowline/capability/retrieval/v1/retrieval_pb.ts';
import { systemClock } from '../../src/base/clock.ts';
import { validate } from '../../src/contract/validate.ts';
import type { DocumentParser } from '../../src/worker/documents/document.ts';
import { lexicalEmbedder } from '../../src/worker/handlers/embed/lexical/lexical-embedder.ts';
import { lexicalVector } from '../../src/worker/handlers/embed/lexical/lexical-vector.ts';
import { Cutter } from '../../src/worker/handlers/retrieval/passages/cutter.ts';
import { retrievalHandler } from '../../src/worker/handlers/retrieval/retrieval-handler.ts';
import { RETRIEVAL_DEFAULTS, type RetrievalSettings } from '../../src/worker/handlers/retrieval/retrieval-settings.ts';
import type { PassageDatabase } from '../../src/worker/handlers/retrieval/store/database.ts';
import type { HandlerContext } from '../../src/worker/kit/handler.ts';
import { loneContext } from '../../src/worker/kit/lone-context.ts';
import { letterVector } from './letter-vectors.ts';

type Methods = typeof RetrievalService.method;

/** A model of vectors, and what is told of each call. */
export interface StandIn {
  readonly name: string;
  readonly dimension: number;
  /** Default: a vector of letters. */
  readonly vector?: (text: string, dimension: number) => number[];
  /** Before the answer of each call; may throw, or wait. */
  readonly before?: (request: EmbedRequest, context: HandlerContext) => Promise<void> | void;
}

export const LETTERS: StandIn = { name: 'test/letters-128', dimension: 128 };

/** The built-in model of the embed worker. */
export const LEXICAL: StandIn = {
  name: lexicalEmbedder.id,
  dimension: lexicalEmbedder.dimension!,
  vector: (text) => [...lexicalVector(text)],
};

export interface RigOptions {
  readonly settings?: Partial<RetrievalSettings>;
  readonly parser?: DocumentParser;
  readonly model?: StandIn;
}

export class RetrievalRig {
  /** Texts of documents that were embedded so far. */
  embedded = 0;
  model: StandIn;
  readonly #handler;
  readonly #cutter: Cutter;

  constructor(
    database: () => Promise<PassageDatabase>,
    { settings, parser = NO_PARSER, model = LETTERS }: RigOptions = {},
  ) {
    const all = { ...RETRIEVAL_DEFAULTS, ...settings };
    this.model = model;
    this.#cutter = new Cutter({ limitMs: all.documentMs, clock: systemClock });
    this.#handler = retrievalHandler({ database, parser, cutter: this.#cutter, settings: all });
  }

  /** Calls a method as a job would. */
  async call<K extends keyof Methods>(
    name: K,
    tenant: string,
    init: MessageInitShape<Methods[K]['input']>,
    more: Partial<HandlerContext> = {},
  ): Promise<MessageShape<Methods[K]['output']>> {
    const method = RetrievalService.method[name];
    const request = create(method.input as DescMessage, init as never) as never;
    validate(method.input, request);
    const context: HandlerContext = loneContext({
      tenant,
      call: (async (_method: unknown, embed: EmbedRequest) => [await this.#embed(embed, context)]) as never,
      ...more,
    });
    return (await this.#handler.methods[method.name]!(request, context)) as MessageShape<Methods[K]['output']>;
  }

  /** Puts documents of text into a collection; gives their states, e.g. `ADDED`. */
  async ingest(tenant: string, collection: string, texts: Readonly<Record<string, string>>, model = '') {
    const documents = Object.entries(texts).map(([id, value]) => ({ id, body: { case: 'text' as const, value } }));
    return (await this.call('ingest', tenant, { collection, documents, model })).documents;
  }

  async find(tenant: string, query: string, more: MessageInitShape<Methods['search']['input']> = {}) {
    return (await this.call('search', tenant, { query, ...more })).passages;
  }

  close(): Promise<void> {
    return this.#cutter.close();
  }

  async #embed({ texts, model, purpose }: EmbedRequest, context: HandlerContext) {
    await this.model.before?.({ texts, model, purpose } as EmbedRequest, context);
    context.signal.throwIfAborted();
    if (purpose === 1) this.embedded += texts.length;
    const { name, dimension, vector = letterVector } = this.model;
    return create(EmbedResponseSchema, {
      vectors: texts.map((text) => ({ values: vector(text, dimension) })),
      model: name,
      dimension,
      lexical: true,
    });
  }
}

const NO_PARSER: DocumentParser = {
  parse: () => Promise.reject(new Error('no HTML or PDF in this test')),
  close: async () => {},
};
