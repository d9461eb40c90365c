// What a capability handler is and what it is given. It knows nothing of streams, frames or sessions.
import type {
  DescMessage,
  DescMethod,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  Message,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';
import type { UsageSchema } from '../../../gen/bowline/run/v1/run_pb.ts';
import type { Logger } from '../../base/logger.ts';
import type { BeginSpan } from './spans.ts';

/** What a handler knows of the call beside the request. */
export interface HandlerContext {
  /** Aborts on cancel, deadline and the end of a drain; its reason is an AppError. */
  readonly signal: AbortSignal;
  /** Wall time in milliseconds at which `signal` aborts. */
  readonly deadline: number;
  readonly log: Logger;
  /** For methods with an effect: do it at most once per key. Empty where none was given. */
  readonly idempotencyKey: string;
  readonly tenant: string;
  /** Which try of the job this is, from 1. */
  readonly attempt: number;
  /** Tells who watches how far it is: steps done, steps in all (0: not known), and what it does, never content. Cheap. */
  progress(done: number, total: number, note?: string): void;
  /** Begins a span of something outside of this process: a call of a model, a program. Costs nothing where nobody takes it. */
  readonly span: BeginSpan;
  /** Adds to what the job used; told with its result, also when it fails. */
  report(usage: MessageInitShape<typeof UsageSchema>): void;
  /**
   * Calls a method of another worker as a job of the same run; resolves with its response messages. Only what the contract
   * of the running method names in `may_call` is taken, and it ends with this attempt. Throws the AppError of the call, e.g.
   * NO_WORKER, CHILD_REFUSED, or the signal's reason.
   * @param selector labels that the other worker must have; default none
   */
  call<I extends DescMessage, O extends DescMessage>(
    method: CallableMethod<I, O>,
    request: MessageInitShape<I>,
    selector?: Readonly<Record<string, string>>,
  ): Promise<MessageShape<O>[]>;
}

/** A method that another worker serves, as generated: `EmbedService.method.embed`. */
export type CallableMethod<I extends DescMessage, O extends DescMessage> = DescMethod & {
  readonly input: I;
  readonly output: O;
};

type Implementation<M extends DescMethod> = M extends DescMethodServerStreaming
  ? (request: MessageShape<M['input']>, context: HandlerContext) => AsyncIterable<MessageShape<M['output']>>
  : M extends DescMethodUnary
    ? (request: MessageShape<M['input']>, context: HandlerContext) => Promise<MessageShape<M['output']>>
    : never;

/** The methods of a service, named as in the contract. */
export type HandlerMethods<S extends DescService> = {
  readonly [K in keyof S['method'] & string as Capitalize<K>]: Implementation<S['method'][K]>;
};

/** Any method, after its type was checked where the handler was defined. */
export type AnyMethod = (request: Message, context: HandlerContext) => AsyncIterable<Message> | Promise<Message>;

export interface HandlerOptions {
  /** Two consecutive responses as one (text pieces), or undefined where they cannot be joined. */
  readonly join?: (last: Message, next: Message) => Message | undefined;
}

/** One served capability. */
export interface Handler extends HandlerOptions {
  /** `bowline.capability.llm.v1` */
  readonly package: string;
  readonly service: DescService;
  readonly methods: Readonly<Record<string, AnyMethod>>;
}

/** Binds implementations to their service. Methods that are left out are not offered. */
export function defineHandler<S extends DescService>(
  service: S,
  methods: Partial<HandlerMethods<S>>,
  options: HandlerOptions = {},
): Handler {
  return {
    package: service.file.proto.package,
    service,
    methods: methods as unknown as Readonly<Record<string, AnyMethod>>,
    ...options,
  };
}
