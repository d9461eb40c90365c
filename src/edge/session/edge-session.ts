// Keeps one session with the control plane: connects, connects again with full jitter, and says how it stands. What
// happens within one stream is in connection.ts.
import { create, equals } from '@bufbuild/protobuf';
import {
  type Condition,
  ConditionSchema,
  type ModelInfo,
  ModelInfoSchema,
} from '../../../gen/bowline/common/v1/common_pb.ts';
import {
  ConnectRequestSchema,
  type Hello,
  HelloSchema,
  type SignedTime,
  SupersedeReason,
  type Welcome,
} from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { type Manifest, ManifestSchema } from '../../../gen/bowline/manifest/v1/manifest_pb.ts';
import { sleep } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import type { Code } from '../../base/status-codes.ts';
import { check } from '../../contract/check.ts';
import { firstStop } from '../../contract/condition.ts';
import { toAppError } from '../../contract/errors.ts';
import { wasRefused } from '../../contract/session/call-broken.ts';
import { Reconnect, type SessionEnded } from '../../contract/session/reconnect.ts';
import { openTime } from '../../contract/signed-time.ts';
import { SESSION_VERSIONS } from '../../contract/versions.ts';
import { type ConnectionDeps, type ConnectionEnd, EdgeConnection } from './connection.ts';
import { CONNECTION_OPTIONS, type ConnectionOptions } from './connection-options.ts';
import { Flaps } from './flaps.ts';
import type { SessionJournal } from './ports.ts';

export type ConnectionState = 'connected' | 'connecting' | 'offline' | 'superseded' | 'quarantined';

export interface SessionStatus {
  readonly connection: ConnectionState;
  /** Why it is not connected. */
  readonly problem: AppError | undefined;
  /** The model that answers now, as the control plane said last. */
  readonly model: ModelInfo | undefined;
  readonly deviceName: string;
  /** What stands in the way of answers there, as the control plane told last in this session. */
  readonly conditions: readonly Condition[];
  /** Sessions that were lost within a minute, where these are too many. */
  readonly flaps?: number;
}

export interface EdgeSessionDeps
  extends Omit<ConnectionDeps, 'welcomed' | 'timeIs' | 'modelIs' | 'conditionsAre' | 'hashAt' | 'options'> {
  readonly journal: SessionJournal;
  /** What this edge serves and allows now. */
  readonly manifest: () => Manifest;
  readonly bootId: string;
  /** Told which model answers now. */
  readonly onModel?: (model: ModelInfo) => void;
  /** Told that the journal does not fit what the control plane remembers: no grant holds any more. */
  readonly onQuarantined?: () => void;
  /** Told what the owner must mend before it can connect; the same in a row once. */
  readonly onRefused?: (error: AppError) => void;
  readonly options?: Partial<ConnectionOptions & BackoffOptions>;
}

export interface BackoffOptions {
  readonly backoffBaseMs: number;
  readonly backoffCapMs: number;
  /** The least wait after a refusal that a repeat will hardly change. */
  readonly refusedMs: number;
}

/** From an edit until the control plane is told of it. */
const RENEW_MS = 1_000;

const BACKOFF: BackoffOptions = { backoffBaseMs: 500, backoffCapMs: 30_000, refusedMs: 5_000 };

/** What a repeat will hardly change. */
const REFUSALS: ReadonlySet<Code> = new Set([
  'unauthenticated',
  'permission_denied',
  'failed_precondition',
  'not_found',
]);

/** Whether the control plane refused this device, and its owner has to do something. */
export const isRefusal = ({ code }: AppError): boolean => REFUSALS.has(code);

export class EdgeSession {
  readonly #deps: EdgeSessionDeps;
  readonly #options: ConnectionOptions & BackoffOptions;
  readonly #stop = new AbortController();
  readonly #reconnect: Reconnect;
  #connection: EdgeConnection | undefined;
  #running: Promise<void> | undefined;
  #status: SessionStatus;
  #sessions = 0;
  #refused = '';
  #stopRenewing: (() => void) | undefined;
  /** What the last Hello told. */
  #told: Manifest | undefined;
  readonly #flaps = new Flaps();
  readonly #first = Promise.withResolvers<void>();

  constructor(deps: EdgeSessionDeps) {
    this.#deps = deps;
    this.#options = { ...CONNECTION_OPTIONS, ...BACKOFF, ...deps.options };
    const { backoffBaseMs: baseMs, backoffCapMs: capMs, heartbeatMs: lastedMs, random } = this.#options;
    this.#reconnect = new Reconnect({ clock: deps.clock, baseMs, capMs, lastedMs, random });
    this.#status = {
      connection: 'offline',
      problem: undefined,
      model: undefined,
      deviceName: deps.identity.name,
      conditions: [],
    };
  }

  get status(): SessionStatus {
    const flaps = this.#flaps.count(this.#deps.clock.monotonic());
    return flaps === undefined ? this.#status : { ...this.#status, flaps };
  }

  /** Resolves when the control plane has accepted it, or the first try failed. */
  get tried(): Promise<void> {
    return this.#first.promise;
  }

  /** Begins to connect. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** What Hello says may be another by now: if so, says goodbye soon, and comes back with it. Edits that follow one another are one. */
  renew(): void {
    this.#stopRenewing?.();
    this.#stopRenewing = this.#deps.clock.after(RENEW_MS, () => {
      if (!this.#told || !equals(ManifestSchema, this.#told, this.#deps.manifest())) this.#connection?.leave(true);
    });
  }

  /** Says goodbye and ends; resolves when the stream is closed. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#stopRenewing?.();
    this.#connection?.leave(false);
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#deps;
    let end: ConnectionEnd | undefined;
    let isLeft = false;
    while (!this.#stop.signal.aborted) {
      // After a session that ended in order the next one is no outage until it fails.
      if (end?.kind !== 'drained') this.#set({ connection: 'connecting' });
      const left: boolean = isLeft;
      const ended = await this.#once();
      isLeft = ended.kind === 'drained';
      end = left && isShown(ended) ? { kind: 'drained' } : ended;
      if (end.kind === 'stopped' || this.#stop.signal.aborted) break;
      if (end.kind === 'superseded' && !this.#isOwn(end)) return this.#superseded(end);
      const wait = this.#reconnect.waitMs(this.#endedAs(end));
      if (end.kind === 'superseded') {
        log.warn('an older Hello of this edge had overtaken its session; it connects again', {
          retryMs: Math.round(wait),
        });
        this.#offline('offline', new AppError('SESSION_RACED'));
      }
      if (end.kind === 'lost') {
        if (this.#status.connection === 'connected') this.#flaps.ended(clock.monotonic());
        const error = this.#ofThisDevice(end.error);
        log.warn(`the session ended: ${error.message}`, { reason: error.reason, retryMs: Math.round(wait) });
        this.#offline('offline', error);
        if (isRefusal(error)) this.#tellRefused(error);
      }
      await sleep(clock, wait, this.#stop.signal);
    }
    this.#offline('offline', new AppError('CLOSED', { what: 'this edge' }));
  }

  async #once(): Promise<ConnectionEnd> {
    const deps: ConnectionDeps = {
      ...this.#deps,
      options: this.#options,
      welcomed: (welcome) => this.#welcomed(welcome),
      hashAt: (sequence) => this.#deps.journal.hashAt(sequence),
      timeIs: (signed, nonce) => this.#timeIs(signed, nonce),
      modelIs: (model) => this.#modelIs(model),
      conditionsAre: (conditions) => this.#conditionsAre(conditions),
    };
    try {
      const hello = await this.#hello();
      if (this.#stop.signal.aborted) return { kind: 'stopped' };
      this.#deps.asks.views.reset();
      this.#connection = new EdgeConnection(deps, ++this.#sessions, hello);
      return await this.#connection.run();
    } catch (error) {
      return { kind: 'lost', error: toAppError(error, this.#deps.log) };
    } finally {
      this.#connection = undefined;
    }
  }

  async #hello(): Promise<Hello> {
    const { journal, bootId, feed, runner, gate } = this.#deps;
    const manifest = this.#deps.manifest();
    this.#told = manifest;
    const last = journal.lastSession();
    const hello = create(HelloSchema, {
      versions: SESSION_VERSIONS,
      manifest,
      bootId,
      journal: await journal.position(),
      lastSessionEpoch: last?.epoch ?? 0n,
      resumeToken: last?.resumeToken ?? new Uint8Array(),
      openToolCalls: runner.openCalls().slice(0, 1024),
      follows: feed.follows(),
    });
    const frame = create(ConnectRequestSchema, { frame: { case: 'hello', value: hello } });
    await journal.leaves(gate.names(frame, journal.now()));
    return hello;
  }

  /** A time that the pinned key signed for this session counts; any other is as good as none. */
  async #timeIs(signed: SignedTime | undefined, sessionNonce: Uint8Array): Promise<void> {
    const { identity, bootId, journal, log } = this.#deps;
    const to = { device: identity.device, bootId, sessionNonce };
    const at = signed && openTime(signed, to, identity.signingKey);
    if (at !== undefined) await journal.signedTime(at);
    else if (signed) log.warn('a time that was not signed for this session was ignored');
  }

  async #welcomed(welcome: Welcome): Promise<void> {
    await this.#timeIs(welcome.signedTime, welcome.sessionNonce);
    await this.#deps.journal.opened(welcome.sessionEpoch, welcome.anchor, new Uint8Array(welcome.resumeToken));
    this.#reconnect.welcomed();
    this.#deps.log.info('connected', { epoch: welcome.sessionEpoch.toString(), durability: welcome.durability });
    this.#set({
      connection: 'connected',
      problem: undefined,
      deviceName: welcome.deviceName || this.#deps.identity.name,
    });
    this.#refused = '';
    this.#first.resolve();
    this.#conditionsAre([]);
    this.#modelIs(welcome.model);
    this.#deps.asks.connection(undefined);
  }

  /** In Welcome, and whenever it changes. One that breaks its contract is as good as none. */
  #modelIs(model: ModelInfo | undefined): void {
    this.#set({ model: undefined });
    if (!model?.provider) return;
    check(ModelInfoSchema, model);
    this.#set({ model });
    this.#deps.onModel?.(model);
  }

  /** Those that break their contract are as good as none. */
  #conditionsAre(conditions: readonly Condition[]): void {
    for (const each of conditions) check(ConditionSchema, each);
    this.#set({ conditions });
    this.#deps.asks.stopped(firstStop(conditions)?.message);
  }

  /** Whether the session that took over was begun by this very process. */
  #isOwn({ message }: ConnectionEnd & { kind: 'superseded' }): boolean {
    return message.reason !== SupersedeReason.QUARANTINED && message.bootId === this.#deps.bootId;
  }

  /** Terminal: this process does not connect again by itself. */
  #superseded(end: ConnectionEnd & { kind: 'superseded' }): void {
    const quarantined = end.message.reason === SupersedeReason.QUARANTINED;
    if (quarantined) this.#deps.onQuarantined?.();
    const error = new AppError(quarantined ? 'QUARANTINED' : 'SUPERSEDED', { device: this.#status.deviceName });
    this.#deps.log.error(error.message, undefined, {
      reason: error.reason,
      epoch: end.message.sessionEpoch.toString(),
    });
    this.#offline(quarantined ? 'quarantined' : 'superseded', error);
    this.#tellRefused(error);
  }

  /** What a refused credential means for a device. */
  #ofThisDevice(error: AppError): AppError {
    if (error.reason !== 'UNAUTHENTICATED') return error;
    return new AppError('DEVICE_UNKNOWN', { control: this.#deps.identity.control }, { cause: error });
  }

  #tellRefused(error: AppError): void {
    if (error.message !== this.#refused) this.#deps.onRefused?.(error);
    this.#refused = error.message;
  }

  #endedAs(end: ConnectionEnd): SessionEnded {
    // It has chosen its moment already.
    if (end.kind === 'drained') return { kind: 'moved', withinMs: 0 };
    const ms = pacedMs(end);
    if (ms !== undefined) return { kind: 'told', ms };
    if (end.kind === 'lost' && isRefusal(end.error)) return { kind: 'refused', moreMs: this.#options.refusedMs };
    return { kind: end.kind === 'lost' && wasRefused(end.error) ? 'untaken' : 'lost' };
  }

  #offline(connection: ConnectionState, problem: AppError): void {
    this.#set({ connection, problem, conditions: [] });
    this.#first.resolve();
    this.#deps.asks.connection(problem.message);
  }

  #set(change: Partial<SessionStatus>): void {
    this.#status = { ...this.#status, ...change };
  }
}

/** The control plane may end the session after one that was left at once: it told what it remembers, and is shown that in the next. */
const isShown = (end: ConnectionEnd): boolean => end.kind === 'lost' && end.error.reason === 'CLOSED';

/** The longest time to wait that a control plane may tell. */
const LONGEST_TOLD_MS = 60_000;

/** How long the control plane asks to wait, because many connect at once; no failure of this edge. */
function pacedMs(end: ConnectionEnd): number | undefined {
  if (end.kind !== 'lost' || end.error.reason !== 'HELLO_PACED') return undefined;
  const ms = Number(end.error.metadata.ms);
  return ms >= 0 ? Math.min(ms, LONGEST_TOLD_MS) : undefined;
}
