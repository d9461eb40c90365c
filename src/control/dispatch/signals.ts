// Signals about runs between replicas, over the bus: one topic per run and one per device. Hints only.
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { type RunSignal, RunSignalSchema } from '../../../gen/bowline/event/v1/bus_pb.ts';
import type { Logger } from '../../base/logger.ts';
import type { Bus } from '../queue/ports.ts';

export type SignalBody = NonNullable<MessageInitShape<typeof RunSignalSchema>['signal']>;

export interface SignalHandler {
  signal(signal: RunSignal): void;
  /** Something may have been missed: read the truth again. */
  gap(): void;
}

export class Signals {
  readonly #bus: Bus;
  readonly #log: Logger;

  constructor(bus: Bus, log: Logger) {
    this.#bus = bus;
    this.#log = log;
  }

  /** Never throws and never waits for the bus: what is lost is recovered by those who read. */
  toRun(tenant: string, run: string, signal: SignalBody): void {
    this.#publish(runTopic(tenant, run), { tenant, run, signal });
  }

  toDevice(tenant: string, device: string, signal: SignalBody): void {
    this.#publish(deviceTopic(tenant, device), { tenant, run: '', signal });
  }

  ofRun(tenant: string, run: string, handler: SignalHandler): Promise<() => Promise<void>> {
    return this.#subscribe(runTopic(tenant, run), handler);
  }

  ofDevice(tenant: string, device: string, handler: SignalHandler): Promise<() => Promise<void>> {
    return this.#subscribe(deviceTopic(tenant, device), handler);
  }

  #publish(topic: string, init: MessageInitShape<typeof RunSignalSchema>): void {
    this.#bus
      .publish(topic, toBinary(RunSignalSchema, create(RunSignalSchema, init)))
      .catch((error: unknown) => this.#log.warn('a signal was not sent', { topic, why: String(error) }));
  }

  #subscribe(topic: string, handler: SignalHandler): Promise<() => Promise<void>> {
    return this.#bus.subscribe(topic, {
      message: ({ data }) => handler.signal(fromBinary(RunSignalSchema, data)),
      gap: () => handler.gap(),
    });
  }
}

const runTopic = (tenant: string, run: string) => `run.${tenant}.${run}`;
const deviceTopic = (tenant: string, device: string) => `device.${tenant}.${device}`;
