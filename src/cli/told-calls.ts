// Calls that are not waited for in silence: after a moment it is told who has not answered, and what stands in its way. A call is given
// up when the other side could not answer for too long; one that only takes its time is waited for.
import type { DescMethod } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type Transport } from '@connectrpc/connect';
import { ErrorInfoSchema } from '../../gen/google/rpc/error_details_pb.ts';
import { AppError } from '../base/errors.ts';
import { QUIET_MS, tellWait, type WaitIo } from './told-wait.ts';
import { elapsedText } from './units.ts';

/** How long a side that cannot answer is waited for. */
const GIVE_UP_MS = 60_000;
/** Between two looks at what stands in its way. */
const LOOK_MS = 3_000;

export interface ToldCallsOptions {
  readonly io: WaitIo;
  readonly where: string;
  /** What keeps the other side from answering any call; undefined where nothing does. Rejects when it does not say. */
  readonly look: (timeoutMs: number) => Promise<AppError | undefined>;
  readonly quietMs?: number;
  readonly lookMs?: number;
  readonly giveUpMs?: number;
}

/** The same transport. Calls throw NO_ANSWER too: when they are given up, or their own time is over. */
export function toldCalls(inner: Transport, options: ToldCallsOptions): Transport {
  return {
    unary: (method, signal, timeoutMs, ...rest) =>
      told(options, method, signal, (mine) => inner.unary(method, mine, timeoutMs, ...rest)),
    // Streams of our own services tell by themselves what they wait for, and stay open for long.
    stream: async (method, signal, timeoutMs, ...rest) => {
      if (!method.parent.typeName.startsWith(CAPABILITIES)) return inner.stream(method, signal, timeoutMs, ...rest);
      return await told(options, method, signal, async (mine) => {
        const response = await inner.stream(method, mine, timeoutMs, ...rest);
        const messages = response.message[Symbol.asyncIterator]();
        return { ...response, message: startingWith(await messages.next(), messages) };
      });
    },
  };
}

const UNSAID = 'it does not say why';
const CAPABILITIES = 'bowline.capability.';

async function told<T>(
  options: ToldCallsOptions,
  method: DescMethod,
  signal: AbortSignal | undefined,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { io, where, look, quietMs = QUIET_MS, lookMs = LOOK_MS, giveUpMs = GIVE_UP_MS } = options;
  const since = performance.now();
  const giveUp = new AbortController();
  const plain = io.tellsProgress ? '' : `waiting for an answer from ${where}`;
  const line = tellWait(io, plain, quietMs);
  let timer: NodeJS.Timeout | undefined;
  let problem = UNSAID;
  let blockedSince: number | undefined;
  let isOver = false;
  const noAnswer = () => {
    const after = elapsedText(performance.now() - since);
    const isRead = method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
    return new AppError('NO_ANSWER', { where, after, problem: isRead ? problem : `${problem}. It may be done later` });
  };
  const again = async () => {
    const why = await look(lookMs).then(
      (error) => error?.message,
      () => 'it does not say how it is either; its process may be stopped, or very busy',
    );
    if (isOver) return;
    if (why !== undefined) {
      problem = why;
      line.say(`waiting for an answer from ${where}: ${problem}`);
      blockedSince ??= performance.now();
      if (performance.now() - blockedSince >= giveUpMs) return giveUp.abort(noAnswer());
    } else {
      blockedSince = undefined;
      problem = UNSAID;
      line.say(plain);
    }
    timer = setTimeout(again, lookMs);
  };
  // What stands in the way is known by the time that the wait is told.
  timer = setTimeout(again, quietMs / 2);
  try {
    return await call(signal ? AbortSignal.any([signal, giveUp.signal]) : giveUp.signal);
  } catch (error) {
    if (giveUp.signal.aborted) throw giveUp.signal.reason;
    if (isOwnDeadline(error)) throw noAnswer();
    throw error;
  } finally {
    isOver = true;
    clearTimeout(timer);
    line.stop();
  }
}

/** Whether the time of the call is over and the other side said nothing. */
const isOwnDeadline = (error: unknown): boolean =>
  error instanceof ConnectError &&
  error.code === Code.DeadlineExceeded &&
  error.findDetails(ErrorInfoSchema).length === 0;

async function* startingWith<T>(first: IteratorResult<T>, rest: AsyncIterator<T>): AsyncGenerator<T> {
  for (let next = first; !next.done; next = await rest.next()) yield next.value;
}
