// Asks the owner of a running attempt, on whichever replica, to send its text again from an offset on.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { RunSignalSchema } from '../../../gen/bowline/event/v1/bus_pb.ts';
import type { Logger } from '../../base/logger.ts';
import type { Bus } from '../queue/ports.ts';
import type { AttemptText } from './attempt-text.ts';
import type { Signals } from './signals.ts';

const TOPIC = 'resume';
/** Bytes per message of a repeated text. */
const PIECE = 64 * 1024;

export class ResumeTopic {
  readonly #bus: Bus;
  readonly #signals: Signals;
  readonly #log: Logger;
  readonly #textOf: (tenant: string, job: string) => AttemptText | undefined;
  #unsubscribe: () => Promise<void> = async () => {};

  constructor(
    bus: Bus,
    signals: Signals,
    log: Logger,
    textOf: (tenant: string, job: string) => AttemptText | undefined,
  ) {
    this.#bus = bus;
    this.#signals = signals;
    this.#log = log;
    this.#textOf = textOf;
  }

  async start(): Promise<void> {
    this.#unsubscribe = await this.#bus.subscribe(TOPIC, { message: ({ data }) => this.#answer(data), gap: () => {} });
  }

  stop(): Promise<void> {
    return this.#unsubscribe();
  }

  ask(tenant: string, run: string, job: string, epoch: number, offset: number): void {
    const signal = { case: 'resume', value: { job, epoch: BigInt(epoch), offset: BigInt(offset) } } as const;
    this.#bus
      .publish(TOPIC, toBinary(RunSignalSchema, create(RunSignalSchema, { tenant, run, signal })))
      .catch((error: unknown) => this.#log.warn('a text could not be asked for', { run, why: String(error) }));
  }

  #answer(data: Uint8Array): void {
    const { tenant, run, signal } = fromBinary(RunSignalSchema, data);
    if (signal.case !== 'resume') return;
    const text = this.#textOf(tenant, signal.value.job);
    if (!text || text.epoch !== Number(signal.value.epoch)) return;
    for (let offset = Number(signal.value.offset); offset < text.bytes; ) {
      const piece = text.from(offset, PIECE);
      this.#signals.toRun(tenant, run, {
        case: 'text',
        value: { job: text.job, epoch: BigInt(text.epoch), offset: BigInt(offset), text: piece },
      });
      offset += Buffer.byteLength(piece);
    }
  }
}
