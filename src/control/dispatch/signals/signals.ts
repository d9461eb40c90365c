// Signals about runs and devices: at once to whoever listens on this replica, over the bus to the replicas that follow. Hints
// only. What happens within one replica does not depend on the bus.
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type RunSignal, RunSignalSchema } from '../../../../gen/bowline/bus/v1/bus_pb.ts';
import type { Clock } from '../../../base/clock.ts';
import type { Logger } from '../../../base/logger.ts';
import type { Bus } from '../../queue/ports.ts';
import { SignalBus } from './signal-bus.ts';

export type SignalBody = NonNullable<MessageInitShape<typeof RunSignalSchema>['signal']>;

export interface SignalHandler {
  signal(signal: RunSignal): void;
  /** Something may have been missed: read the truth again. */
  gap(): void;
}

/** What a follower on another replica knows of a run. */
export interface Followed {
  readonly tenant: string;
  readonly run: string;
  readonly version: number;
  /** The text that it wants more of, if any. */
  readonly job: string;
  readonly epoch: number;
  readonly offset: number;
}

/** Bytes of text in one signal, about. */
export const SIGNAL_BYTES = 64 * 1024;

/** How long a replica that said that it follows a run is told of it, in milliseconds; it says so again long before. */
export const FOLLOW_MS = 60_000;
/** Runs whose followers on other replicas are remembered; of a forgotten one they hear when they ask again. */
const MAX_FOLLOWED = 100_000;
/** How long the start waits for the bus. */
const PATIENCE_MS = 2_000;

export class Signals {
  readonly #mail: SignalBus;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #listeners = new Map<string, Set<SignalHandler>>();
  /** By run: the replicas that follow it, and until when; what was said last comes last. */
  readonly #followers = new Map<string, Map<string, number>>();
  #answer: (followed: Followed, reply: (signal: SignalBody) => void) => void = () => {};
  #pending: { topic: string; signal: RunSignal }[] = [];

  readonly #alone: () => boolean;

  /** @param alone whether no other replica is known; then nobody is told what is followed here */
  constructor(bus: Bus, log: Logger, clock: Clock, alone: () => boolean = () => false) {
    this.#alone = alone;
    this.#mail = new SignalBus(bus, log, clock);
    this.#log = log;
    this.#clock = clock;
  }

  /** Begins to hear other replicas. `answer` tells a new follower on another replica what this one knows beyond it. */
  start(answer: (followed: Followed, reply: (signal: SignalBody) => void) => void): Promise<void> {
    this.#answer = answer;
    const handler = {
      signal: (from: string, signal: RunSignal) => this.#received(from, signal),
      gap: () => this.#gap(),
    };
    return this.#mail.start(handler, PATIENCE_MS);
  }

  stop(): Promise<void> {
    return this.#mail.stop();
  }

  /** To everyone who follows the run. Never throws and never waits: what is lost is recovered by those who read. */
  toRun(tenant: string, run: string, body: SignalBody): void {
    const topic = runTopic(tenant, run);
    const followers = this.#followersOf(topic);
    const here = this.#listeners.has(topic);
    if (!here && followers.length === 0) return;
    const signal = create(RunSignalSchema, { tenant, run, signal: body });
    if (here) this.#deliver(topic, signal);
    for (const replica of followers) this.#mail.send(replica, signal, sizeOf(signal));
  }

  /** To the replica that has the device, whichever it is. Never throws and never waits. */
  toDevice(tenant: string, device: string, body: SignalBody): void {
    const topic = deviceTopic(tenant, device);
    const signal = create(RunSignalSchema, { tenant, device, signal: body });
    if (this.#listeners.has(topic)) this.#deliver(topic, signal);
    this.#mail.send(undefined, signal, sizeOf(signal));
  }

  /** A key was revoked: to all replicas, this one included. Never throws and never waits. */
  keyRevoked(id: string): void {
    const signal = create(RunSignalSchema, { signal: { case: 'keyRevoked', value: id } });
    this.#deliver(KEYS, signal);
    this.#mail.send(undefined, signal, sizeOf(signal));
  }

  /** Hears which keys were revoked, on whatever replica. Returns how to stop. */
  ofKeys(revoked: (id: string) => void): () => void {
    const signal = ({ signal }: RunSignal) => signal.case === 'keyRevoked' && revoked(signal.value);
    return this.#listen(KEYS, { signal, gap: () => {} });
  }

  /** Hears of a run from this replica; `follow` adds the others. Returns how to stop. */
  ofRun(tenant: string, run: string, handler: SignalHandler): () => void {
    return this.#listen(runTopic(tenant, run), handler);
  }

  /** Hears of a device from all replicas. Returns how to stop. */
  ofDevice(tenant: string, device: string, handler: SignalHandler): () => void {
    return this.#listen(deviceTopic(tenant, device), handler);
  }

  /** A device has notes of its owner to fetch. Never throws and never waits. */
  ownerNotes(tenant: string, device: string): void {
    this.toDevice(tenant, device, { case: 'ownerNotes', value: device });
  }

  /** Hears that a device has notes to fetch, or may have. Returns how to stop. */
  ofNotes(tenant: string, device: string, look: () => void): () => void {
    const signal = ({ signal }: RunSignal) => signal.case === 'ownerNotes' && look();
    return this.ofDevice(tenant, device, { signal, gap: look });
  }

  /**
   * Says to the other replicas that this one follows the run, and what it knows; they send what is beyond it, now and for
   * FOLLOW_MS. Whoever meets a replica later says it again (`RunFeeds.renew`).
   */
  follow({ tenant, run, version, job, epoch, offset }: Followed): void {
    if (this.#alone()) return;
    const known = { job, epoch: BigInt(epoch), offset: BigInt(offset), version: BigInt(version) };
    const signal = create(RunSignalSchema, { tenant, run, signal: { case: 'resume', value: known } });
    this.#mail.send(undefined, signal, sizeOf(signal));
  }

  #received(from: string, signal: RunSignal): void {
    const { tenant, run, device } = signal;
    if (signal.signal.case === 'resume') this.#followed(from, signal.signal.value, tenant, run);
    else if (signal.signal.case === 'keyRevoked') this.#tell(KEYS, signal);
    else this.#tell(device === '' ? runTopic(tenant, run) : deviceTopic(tenant, device), signal);
  }

  #followed(
    from: string,
    known: { job: string; epoch: bigint; offset: bigint; version: bigint },
    tenant: string,
    run: string,
  ): void {
    const topic = runTopic(tenant, run);
    const followers = this.#followers.get(topic) ?? new Map<string, number>();
    followers.set(from, this.#clock.monotonic() + FOLLOW_MS);
    this.#followers.delete(topic);
    this.#followers.set(topic, followers);
    this.#forgetFollowers();
    const { job } = known;
    const followed = { tenant, run, job, epoch: Number(known.epoch), offset: Number(known.offset) };
    this.#answer({ ...followed, version: Number(known.version) }, (body) => {
      const signal = create(RunSignalSchema, { tenant, run, signal: body });
      this.#mail.send(from, signal, sizeOf(signal));
    });
  }

  /** Runs of which somebody on another replica was to be told lately. */
  get remembered(): number {
    return this.#followers.size;
  }

  // Nothing is sent of a run that has ended, so nobody else would find out that its followers are over.
  #forgetFollowers(): void {
    for (const topic of this.#followers.keys()) {
      if (this.#followers.size <= MAX_FOLLOWED && this.#followersOf(topic).length > 0) return;
      this.#followers.delete(topic);
    }
  }

  #followersOf(topic: string): string[] {
    const followers = this.#followers.get(topic);
    if (!followers) return [];
    const now = this.#clock.monotonic();
    for (const [replica, until] of followers) if (until < now) followers.delete(replica);
    if (followers.size === 0) this.#followers.delete(topic);
    return [...followers.keys()];
  }

  #listen(topic: string, handler: SignalHandler): () => void {
    const handlers = this.#listeners.get(topic) ?? new Set<SignalHandler>();
    this.#listeners.set(topic, handlers.add(handler));
    return () => {
      handlers.delete(handler);
      if (handlers.size === 0 && this.#listeners.get(topic) === handlers) this.#listeners.delete(topic);
    };
  }

  // Never within the call that sends: its caller is in the middle of something.
  #deliver(topic: string, signal: RunSignal): void {
    this.#pending.push({ topic, signal });
    if (this.#pending.length > 1) return;
    queueMicrotask(() => {
      const pending = this.#pending;
      this.#pending = [];
      for (const each of pending) this.#tell(each.topic, each.signal);
    });
  }

  #tell(topic: string, signal: RunSignal): void {
    for (const handler of [...(this.#listeners.get(topic) ?? [])]) this.#guard(() => handler.signal(signal));
  }

  #gap(): void {
    for (const handler of [...this.#listeners.values()].flatMap((each) => [...each])) this.#guard(() => handler.gap());
  }

  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#log.error('a handler of signals failed', error);
    }
  }
}

const runTopic = (tenant: string, run: string) => `run.${tenant}.${run}`;
/** Where revoked keys are told. */
const KEYS = 'keys';
const deviceTopic = (tenant: string, device: string) => `device.${tenant}.${device}`;

/** Bytes of a signal on the bus, at most about. */
function sizeOf({ signal }: RunSignal): number {
  if (signal.case === 'text') return 256 + 3 * signal.value.text.length;
  if (signal.case === 'message') return 256 + signal.value.response.length;
  return 256;
}
