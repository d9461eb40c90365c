// One connected worker: what placement sees of it, how many jobs it may still be sent, and what is told to it.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import {
  type ChildResultSchema,
  type JobAssignment,
  type WorkerHello,
  WorkResponseSchema,
} from '../../../gen/bowline/worker/v1/worker_pb.ts';
import { AppError } from '../../base/errors.ts';
import { newId } from '../../base/ids.ts';
import { type Encodable, encodeContent } from '../../contract/encodable.ts';
import { toFailure } from '../../contract/errors.ts';
import type { WorkerSession } from '../dispatch/session-ports.ts';
import type { Circuits } from '../dispatch/workers/circuits.ts';
import { worksAs } from '../dispatch/workers/worker-view-of.ts';
import type { Rest } from '../routing/circuit.ts';
import type { WorkerView } from '../routing/worker-view.ts';
import type { PeerQueue } from './peer-queue.ts';

export type WorkerBody = NonNullable<MessageInitShape<typeof WorkResponseSchema>['frame']> & Encodable;

export interface LiveWorkerParts {
  readonly hello: WorkerHello;
  /** Id of its key. */
  readonly key: string;
  readonly tenants: readonly string[];
  readonly pool: string;
  readonly replica: string;
  readonly out: PeerQueue<WorkerBody>;
  readonly maxFrameBytes: number;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Why it is left alone for a while. */
  readonly restOf: Circuits['restOf'];
}

/** Room in a frame around the parameters of a job. */
const ENVELOPE = 4096;

export class LiveWorker implements WorkerSession {
  readonly id = newId();
  readonly replica: string;
  /** Id of its key; several workers may share one. */
  readonly key: string;
  readonly bootId: string;
  readonly hello: WorkerHello;
  readonly connectedAt: number;
  draining = false;
  lastSeen: number;
  /** Free slots as the worker last told. */
  #told = 0;
  /** Slots of jobs taken for it that are not numbered frames yet. */
  #reserved = 0;
  /** Job frames that it had not received when it last told, with the slots that they take. */
  #unseen: { readonly seq: bigint; readonly slots: number }[] = [];
  /** By dispatch id: slots of jobs that are on their way to the stream. */
  readonly #leaving = new Map<string, number>();
  readonly #out: PeerQueue<WorkerBody>;
  readonly #maxFrameBytes: number;
  readonly #view: Omit<WorkerView, 'freeSlots'>;
  readonly #restOf: Circuits['restOf'];

  constructor({ hello, key, tenants, pool, replica, out, maxFrameBytes, now, restOf }: LiveWorkerParts) {
    this.hello = hello;
    this.bootId = hello.bootId;
    this.connectedAt = now;
    this.lastSeen = now;
    this.#out = out;
    this.#maxFrameBytes = maxFrameBytes;
    this.replica = replica;
    this.key = key;
    this.#restOf = restOf;
    this.#view = worksAs({ id: this.id, replica, hello, tenants, pool });
  }

  view(): WorkerView {
    const { rest } = this;
    // Half open: one job tells.
    const mayHave = !this.draining && (rest === undefined || (rest.phase === 'half-open' && this.busy === 0));
    return { ...this.#view, freeSlots: mayHave ? this.#free : 0, ...(rest ? { rests: restText(rest) } : {}) };
  }

  /** Undefined when its attempts do not fail. */
  get rest(): Rest | undefined {
    return this.#restOf(this.#view);
  }

  /** Jobs that it has, or is about to have. */
  get busy(): number {
    return Math.max(this.hello.slots - this.#free, 0);
  }

  /**
   * The worker told its free slots after it had received our frame `ackSeq`. Jobs sent after that frame are not in the
   * number yet, so they are taken off it.
   */
  credits(free: number, ackSeq: bigint): void {
    this.#told = Math.min(free, this.hello.slots);
    this.#unseen = this.#unseen.filter(({ seq }) => seq > ackSeq);
  }

  /** A frame of this worker got its number. */
  numbered(body: WorkerBody, seq: bigint): void {
    if (body.case !== 'job') return;
    const dispatch = body.value.dispatchId ?? '';
    const slots = this.#leaving.get(dispatch) ?? 1;
    this.#leaving.delete(dispatch);
    this.#reserved -= slots;
    this.#unseen.push({ seq, slots });
  }

  reserve(slots: number): () => void {
    this.#reserved += slots;
    return () => {
      this.#reserved -= slots;
    };
  }

  assign(assignment: JobAssignment, slots: number): void {
    const bytes = assignment.params.length;
    if (bytes + ENVELOPE > this.#maxFrameBytes) {
      throw tooLarge('the request of this job', this.#maxFrameBytes);
    }
    const frame = encodable({ case: 'job', value: assignment }, this.#maxFrameBytes);
    this.#leaving.set(assignment.dispatchId, slots);
    try {
      this.#out.send(frame, bytes);
    } catch (error) {
      this.#leaving.delete(assignment.dispatchId);
      throw error;
    }
  }

  cancel(dispatchId: string, epoch: number): void {
    this.#out.offer({ case: 'cancel', value: { dispatchId, epoch: BigInt(epoch) } });
  }

  committed(dispatchId: string): void {
    this.#out.offer({ case: 'resultCommitted', value: { dispatchId } });
  }

  childResult(result: MessageInitShape<typeof ChildResultSchema>): void {
    const { result: how } = result;
    const responses = how?.case === 'done' ? (how.value.responses ?? []) : [];
    const bytes = responses.reduce((sum, response) => sum + response.length, 0);
    try {
      if (bytes + ENVELOPE > this.#maxFrameBytes) throw tooLarge('the result of this call', this.#maxFrameBytes);
      this.#out.offer(encodable({ case: 'childResult', value: result }, this.#maxFrameBytes), bytes);
    } catch (error) {
      const failure = toFailure(error);
      this.#out.offer({ case: 'childResult', value: { ...result, result: { case: 'failure', value: failure } } });
    }
  }

  /** Asks the worker to go elsewhere. */
  drain(deadlineMs: number): void {
    this.draining = true;
    this.#out.offer({ case: 'drain', value: { timeout: durationFromMs(deadlineMs) } });
  }

  end(error?: AppError): void {
    this.#out.end(error);
  }

  get #free(): number {
    const unseen = this.#unseen.reduce((sum, { slots }) => sum + slots, 0);
    return Math.max(this.#told - this.#reserved - unseen, 0);
  }
}

/** The same with its encoding. Throws MESSAGE_REFUSED for what would end the session instead of reaching the worker. */
function encodable(frame: WorkerBody, maxBytes: number): WorkerBody {
  const content = encodeContent(WorkResponseSchema, { frame }, maxBytes);
  if ('problem' in content)
    throw new AppError('MESSAGE_REFUSED', { what: frame.case ?? 'frame', problem: content.problem });
  return { ...frame, ...content };
}

const tooLarge = (what: string, bytes: number): AppError =>
  new AppError('LIMIT_EXCEEDED', { what, limit: `${bytes} bytes of one frame`, setting: 'BOWLINE_MAX_FRAME_BYTES' });

/** A clause that follows the worker's name. */
const restText = ({ phase, until, reason, who }: Rest): string => {
  const why = `because ${who} fails its attempts (${reason})`;
  return phase === 'open'
    ? `rests until ${new Date(until).toISOString().slice(11, 19)} UTC ${why}`
    : `is tried with one job at a time ${why}`;
};
