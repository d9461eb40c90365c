// The calls that one running job makes of other workers: numbered within the attempt, sent again after a reconnect until
// their result came, ended with the attempt. It never touches a stream; whoever sends takes from it.
import { create, type DescMessage, type MessageInitShape, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { type ChildCall, ChildCallSchema, type ChildResult } from '../../../gen/bowline/worker/v1/worker_pb.ts';
import { AppError } from '../../base/errors.ts';
import { fromFailure } from '../../contract/errors.ts';
import { validate } from '../../contract/validate.ts';
import { decode } from '../../contract/wire-meter.ts';
import type { CallableMethod } from '../kit/handler.ts';

export interface JobCallsOptions {
  readonly dispatchId: string;
  readonly epoch: bigint;
  /** Ends all calls; its reason is an AppError. */
  readonly signal: AbortSignal;
  /** Called when there is something to take. */
  readonly onReady: () => void;
}

interface Open {
  readonly frame: ChildCall;
  readonly settle: (result: ChildResult['result'] | { readonly case: 'ended'; readonly value: unknown }) => void;
}

export class JobCalls {
  readonly #options: JobCallsOptions;
  readonly #open = new Map<number, Open>();
  readonly #unsent = new Set<number>();
  #last = 0;

  constructor(options: JobCallsOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', () => this.end(options.signal.reason), { once: true });
  }

  /** Calls a method; resolves with all its response messages. Throws the AppError of the call, or why it ended before. */
  async call<I extends DescMessage, O extends DescMessage>(
    method: CallableMethod<I, O>,
    init: MessageInitShape<I>,
    selector: Readonly<Record<string, string>> = {},
  ): Promise<MessageShape<O>[]> {
    const { dispatchId, epoch, signal } = this.#options;
    signal.throwIfAborted();
    const request = create(method.input, init);
    validate(method.input, request);
    const frame = create(ChildCallSchema, {
      dispatchId,
      epoch,
      number: ++this.#last,
      method: `${method.parent.typeName}/${method.name}`,
      params: toBinary(method.input, request),
      selector,
    });
    const result = await new Promise<Parameters<Open['settle']>[0]>((settle) => {
      this.#open.set(frame.number, { frame, settle });
      this.#unsent.add(frame.number);
      this.#options.onReady();
    });
    if (result.case === 'ended') throw result.value;
    if (result.case === 'done') return result.value.responses.map((bytes) => decode(method.output, bytes));
    throw result.case === 'failure'
      ? fromFailure(result.value)
      : new AppError('FRAME_MALFORMED', { problem: 'a child call was answered with nothing' });
  }

  /** The next call to send, or undefined. */
  pull(): ChildCall | undefined {
    const [number] = this.#unsent;
    if (number === undefined) return undefined;
    this.#unsent.delete(number);
    return this.#open.get(number)?.frame;
  }

  /** What became of a call. One that is not open any more is ignored. */
  result({ number, result }: ChildResult): void {
    const open = this.#open.get(number);
    if (!open) return;
    this.#open.delete(number);
    open.settle(result);
  }

  /** A call that can never be sent ends with why. */
  refuse(number: number, reason: AppError): void {
    const open = this.#open.get(number);
    this.#open.delete(number);
    this.#unsent.delete(number);
    open?.settle({ case: 'ended', value: reason });
  }

  /** A new stream: what is open is sent again under the same numbers, so that any replica can answer. */
  attach(): void {
    for (const number of this.#open.keys()) this.#unsent.add(number);
    if (this.#unsent.size > 0) this.#options.onReady();
  }

  /** Nobody waits any more. */
  end(reason: unknown): void {
    const open = [...this.#open.values()];
    this.#open.clear();
    this.#unsent.clear();
    for (const { settle } of open) settle({ case: 'ended', value: reason });
  }
}
