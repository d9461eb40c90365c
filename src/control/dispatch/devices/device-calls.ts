// Tool calls for devices whose sessions are here. Resync is by state: whatever the outbox holds for a connected device and
// was not sent in this session is sent (again); the edge's journal makes repeats harmless. What the device has in hand
// and the outbox no longer wants is stopped.
import type { ToolHeld, ToolProgress } from '../../../../gen/bowline/edge/v1/edge_pb.ts';
import type { ToolResult } from '../../../../gen/bowline/record/v1/record_pb.ts';
import type { Clock } from '../../../base/clock.ts';
import { AppError } from '../../../base/errors.ts';
import { dispatchId, parseDispatchId } from '../../../base/ids.ts';
import type { Logger } from '../../../base/logger.ts';
import { edgeEnds, endsEdges } from '../../orchestrator/run/edge-ends.ts';
import type { FoldedRun } from '../../orchestrator/run/state.ts';
import type { Orchestrator } from '../../orchestrator/service/orchestrator.ts';
import { ifReadable } from '../../orchestrator/service/unreadable.ts';
import type { Outbox, StoredOutboxRow } from '../../store/outbox.ts';
import type { OutboxRow } from '../../store/unit.ts';
import type { DeviceSession } from '../session-ports.ts';
import type { Signals } from '../signals/signals.ts';
import { DeviceOutcomes, type DeviceOutcomesParts, targetOf } from './device-outcomes.ts';
import { runOf, toolCall } from './tool-messages.ts';

export interface DeviceCallsParts {
  readonly runs: Orchestrator;
  readonly outbox: Outbox;
  readonly removed: DeviceOutcomesParts['removed'];
  readonly signals: Signals;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long after its last useful moment a call is still good; the edge refuses it later. */
  readonly callTtlMs: number;
}

interface Connected {
  readonly session: DeviceSession;
  /** Dispatches that were sent in this session and are not answered. */
  readonly has: Set<string>;
  /** Those of the sent ones about which the device asks its owner: they take no place, and no edge ends at them. */
  readonly asks: Set<string>;
  /** Dispatches that were declared never started here, and so must never be sent. */
  readonly never: Set<string>;
  unsubscribe: () => void;
  sending: Promise<void> | undefined;
  again: boolean;
  /** Calls were left in the outbox, because the device has as many as it may. */
  more: boolean;
  /**
   * The one call in hand at which an earlier start of the edge ended. Others like it wait until it is answered: so an end tells which
   * of them did it, and those that were only there are served.
   */
  suspect: string | undefined;
}

type DeviceRow = OutboxRow & { readonly tenant: string };
type DeviceRef = Pick<DeviceSession, 'tenant' | 'device'>;

/** Calls that one device has at work; the others wait in the outbox. Fewer than a session's queue holds. */
const MAX_OPEN = 64;
/** Calls that a device lists when it comes, as the edge bounds them; a full list says nothing of what is not in it. */
const MAX_LISTED = 1024;

export class DeviceCalls {
  readonly #parts: DeviceCallsParts;
  readonly #outcomes: DeviceOutcomes;
  readonly #connected = new Map<string, Connected>();
  /** What is being written down of sessions that ended, by device: its next session is sent nothing before that. */
  readonly #ends = new Map<string, Promise<void>>();

  constructor(parts: DeviceCallsParts) {
    this.#parts = parts;
    this.#outcomes = new DeviceOutcomes(parts);
  }

  sessions(): DeviceSession[] {
    return [...this.#connected.values()].map(({ session }) => session);
  }

  session(tenant: string, device: string): DeviceSession | undefined {
    return this.#connected.get(key({ tenant, device }))?.session;
  }

  /** A new session of a device: whoever holds an older one, on whatever replica, looks whether it still stands. Never throws. */
  opened(tenant: string, device: string, epoch: number): void {
    this.#parts.signals.toDevice(tenant, device, { case: 'sessionOpened', value: BigInt(epoch) });
  }

  /** Takes a session in; an older one of the device gets nothing from now on. */
  async connected(session: DeviceSession): Promise<void> {
    const entry: Connected = {
      session,
      has: new Set(),
      asks: new Set(),
      never: new Set(),
      unsubscribe: () => {},
      sending: undefined,
      again: false,
      more: false,
      suspect: undefined,
    };
    const before = this.#connected.get(key(session));
    this.#connected.set(key(session), entry);
    before?.unsubscribe();
    // A box that starts again at once is here before its old connection is known to be dead.
    if (before && before.session.bootId !== session.bootId) this.#recordEnds(before);
    entry.unsubscribe = this.#parts.signals.ofDevice(session.tenant, session.device, {
      signal: ({ signal }) => {
        if (signal.case === 'cancelJob') this.#stop(entry, signal.value);
        else if (signal.case === 'deviceCalls') this.#send(entry);
        else if (signal.case === 'sessionOpened' && signal.value > BigInt(session.epoch)) session.doubt();
      },
      gap: () => this.#send(entry),
    });
    await this.#stopUnwanted(entry);
    this.#send(entry);
  }

  sessionEnded(session: DeviceSession): void {
    const entry = this.#connected.get(key(session));
    if (entry?.session !== session) return;
    this.#connected.delete(key(session));
    entry.unsubscribe();
    this.#recordEnds(entry);
    if (!session.saidGoodbye) void this.#outcomes.sessionEnded(session, (id) => mayHave(entry, id));
  }

  /** Its next session is sent nothing before what this one had in hand is written down. */
  #recordEnds({ session, has }: Connected): void {
    if (session.saidGoodbye || has.size === 0) return;
    const of = key(session);
    const all = this.#outcomes.held(session, has).then(() => {
      if (this.#ends.get(of) === all) this.#ends.delete(of);
    });
    this.#ends.set(of, all);
  }

  /** Calls that were just committed: sent at once where the session is here, else its holder is told to look. Never throws. */
  added(rows: readonly DeviceRow[], state: FoldedRun): void {
    for (const row of rows) {
      if (row.device === undefined) continue;
      const entry = this.#connected.get(key({ tenant: row.tenant, device: row.device }));
      if (entry) this.#hand(entry, row, state);
      else {
        this.#parts.signals.toDevice(row.tenant, row.device, { case: 'deviceCalls', value: row.device });
        void this.#outcomes.endIfRemoved(row.tenant, row.device, row);
      }
    }
  }

  /** Asks a device to stop a call. */
  cancel(tenant: string, device: string, job: string, epoch: number): void {
    this.#parts.signals.toDevice(tenant, device, { case: 'cancelJob', value: dispatchId(job, epoch) });
  }

  /** A streamed response of a running call, for whoever waits for it. A device speaks only for what it was sent. */
  progress(session: DeviceSession, { job, epoch, index, response }: ToolProgress): void {
    const entry = this.#entryOf(session);
    const run = runOf(job);
    if (!run || !entry?.has.has(dispatchId(job, Number(epoch)))) return;
    this.#parts.signals.toRun(session.tenant, run, { case: 'message', value: { job, epoch, index, response } });
  }

  /** A call waits for the owner of the device, or has the owner's yes. Never throws. */
  held(session: DeviceSession, frame: ToolHeld): void {
    const entry = this.#entryOf(session);
    const id = dispatchId(frame.job, Number(frame.epoch));
    const run = runOf(frame.job);
    if (!entry || !run || !(entry.has.has(id) || entry.asks.has(id))) return;
    if (frame.over) {
      entry.asks.delete(id);
      entry.has.add(id);
    } else {
      this.#free(entry, id);
      entry.asks.add(id);
    }
    void this.#outcomes.holds(session, run, frame, () => this.#entryOf(session) !== undefined);
  }

  /** An answer of a device: committed, then acknowledged. Never throws; what cannot be committed comes again. */
  async result(session: DeviceSession, frame: ToolResult): Promise<void> {
    const epoch = Number(frame.epoch);
    const run = runOf(frame.job);
    if (run && !(await this.#outcomes.result(session, run, frame, () => this.#entryOf(session) !== undefined))) return;
    if (!(await this.#anchored(session, frame))) return;
    const entry = this.#entryOf(session);
    if (entry) this.#free(entry, dispatchId(frame.job, epoch));
    session.committed(frame.job, epoch, frame.idempotencyKey);
  }

  async #anchored(session: DeviceSession, { sequence, headSha256, job }: ToolResult): Promise<boolean> {
    try {
      return await session.acknowledges(Number(sequence), headSha256);
    } catch (error) {
      this.#parts.log.error('the anchor of a journal could not be kept', error, { job });
      return false;
    }
  }

  /** The journal of a device does not fit, or it was removed: what became of its calls cannot be told any more. Throws when the store fails. */
  quarantined(of: DeviceRef, targetName: string, why = 'the journal of the device was replaced'): Promise<void> {
    return this.#outcomes.unknown(of, targetName, why);
  }

  /** The net under lost hints: one look per tenant for all its connected devices. Never throws. */
  async scan(): Promise<void> {
    const byTenant = new Map<string, Connected[]>();
    for (const entry of this.#connected.values()) {
      const same = byTenant.get(entry.session.tenant);
      if (same) same.push(entry);
      else byTenant.set(entry.session.tenant, [entry]);
    }
    for (const [tenant, entries] of byTenant) {
      const had = new Map(entries.map((entry) => [entry, [...entry.has, ...entry.asks]]));
      try {
        const rows = await this.#parts.outbox.pendingForDevices(
          tenant,
          entries.map(({ session }) => session.device),
        );
        const current = new Set(rows.map((row) => row.dispatchId));
        for (const entry of entries) {
          if (rows.some((row) => row.device === entry.session.device && !wasSent(entry, row.dispatchId)))
            this.#send(entry);
          for (const id of had.get(entry) ?? []) if (!current.has(id)) this.#unwanted(entry, id);
        }
      } catch (error) {
        this.#parts.log.warn('tool calls could not be looked at', { tenant, why: String(error) });
      }
    }
  }

  #entryOf(session: DeviceSession): Connected | undefined {
    const entry = this.#connected.get(key(session));
    return entry?.session === session ? entry : undefined;
  }

  #isCurrent(entry: Connected): boolean {
    return this.#connected.get(key(entry.session)) === entry;
  }

  /** Stops the device's open calls that were cancelled while it was away. Those still wanted are sent as any other: the edge attaches the repeat. */
  async #stopUnwanted(entry: Connected): Promise<void> {
    const { session } = entry;
    for (const { job: id, running } of session.openCalls) {
      const run = runOf(id);
      if (!running || !run) continue;
      const job = (await ifReadable(this.#parts.runs.state(session.tenant, run)))?.jobs.get(id);
      if (job?.device !== session.device || job.phase === 'queued' || job.phase === 'running') continue;
      session.cancel(id, job.epoch);
    }
    for (const row of await this.#parts.outbox.cancellingForDevice(session.tenant, session.device))
      this.#neverReached(entry, row.dispatchId);
  }

  /** Asks the device to stop a call; one that never reached it has ended with that. */
  #stop(entry: Connected, id: string): void {
    cancel(entry, id);
    this.#neverReached(entry, id);
  }

  /**
   * Ends an unwanted call that this session was not sent and that the device did not list when it came: it cannot have it, so
   * nobody would ever tell its end. Never throws.
   */
  #neverReached(entry: Connected, id: string): void {
    const { session, never } = entry;
    const at = parseDispatchId(id);
    const run = at && runOf(at.job);
    if (!run || never.has(id) || mayHave(entry, id)) return;
    never.add(id);
    const job = { run, job: at.job, epoch: at.epoch };
    this.#outcomes.neverStarted(session, job, new AppError('CANCELED'), `never-reached:${id}`, true);
  }

  #unwanted(entry: Connected, id: string): void {
    if (this.#free(entry, id)) cancel(entry, id);
  }

  /** A call is not in hand any more; returns whether it was. What waited for its place follows. */
  #free(entry: Connected, id: string): boolean {
    const had = entry.has.delete(id) || entry.asks.delete(id);
    if (entry.suspect === id) entry.suspect = undefined;
    if (entry.more) this.#send(entry);
    return had;
  }

  #send(entry: Connected): void {
    entry.again = true;
    entry.sending ??= this.#sendAll(entry)
      .catch((error: unknown) =>
        this.#parts.log.warn('tool calls could not be sent', { device: entry.session.device, why: String(error) }),
      )
      .finally(() => {
        entry.sending = undefined;
      });
  }

  async #sendAll(entry: Connected): Promise<void> {
    const { tenant, device } = entry.session;
    await this.#ends.get(key(entry.session));
    while (entry.again && this.#isCurrent(entry)) {
      entry.again = false;
      entry.more = false;
      const rows = await this.#parts.outbox.pendingForDevice(tenant, device);
      for (const row of rows) {
        if (isFull(entry)) {
          entry.more = true;
          break;
        }
        if (!wasSent(entry, row.dispatchId)) await this.#sendOne(entry, row);
      }
    }
  }

  async #sendOne(entry: Connected, row: StoredOutboxRow): Promise<void> {
    const state = await ifReadable(this.#parts.runs.state(row.tenant, row.run, row));
    if (state && this.#isCurrent(entry)) this.#hand(entry, row, state);
  }

  /** Sends a call once: within a session nothing is lost on the way, and the next session looks again. Never throws. */
  #hand(entry: Connected, row: DeviceRow, state: FoldedRun): void {
    const { session, has } = entry;
    const job = state.jobs.get(row.job);
    if (job?.epoch !== row.epoch || (job.phase !== 'queued' && job.phase !== 'running')) return;
    if (wasSent(entry, row.dispatchId) || entry.never.has(row.dispatchId)) return;
    if (endsEdges(state, job, session.bootId)) {
      this.#outcomes.endsEdges(session, row);
      return;
    }
    const suspect = edgeEnds(job, session.bootId) > 0;
    if (isFull(entry) || (suspect && entry.suspect !== undefined)) {
      entry.more = true;
      return;
    }
    try {
      const now = this.#parts.clock.now();
      session.call(toolCall(session.device, row, state, job, { now, ttlMs: this.#parts.callTtlMs }));
    } catch (error) {
      if (error instanceof AppError && error.reason === 'LIMIT_EXCEEDED')
        this.#outcomes.neverStarted(session, row, error, `never-sent:${row.dispatchId}`);
      // Else the session is ending; whoever comes next gets it.
      return;
    }
    has.add(row.dispatchId);
    if (suspect) entry.suspect = row.dispatchId;
    this.#parts.signals.toRun(row.tenant, row.run, {
      case: 'running',
      value: { job: row.job, epoch: BigInt(row.epoch), targetName: targetOf(session) },
    });
  }
}

const key = ({ tenant, device }: DeviceRef): string => `${tenant}/${device}`;

function cancel({ session }: Connected, id: string): void {
  const parsed = parseDispatchId(id);
  if (parsed) session.cancel(parsed.job, parsed.epoch);
}

/** Whether a call was sent in this session and is not answered. */
const wasSent = ({ has, asks }: Connected, id: string): boolean => has.has(id) || asks.has(id);

/** Whether it has as many as it may at work, or could not list all that it has if it came again. */
const isFull = ({ has, asks }: Connected): boolean =>
  has.size >= MAX_OPEN || has.size + asks.size >= MAX_LISTED - MAX_OPEN;

/** Whether the device may have a call: this session was sent it, or the device listed it when it came, or could not list all. */
function mayHave(entry: Connected, id: string): boolean {
  const { openCalls } = entry.session;
  const job = parseDispatchId(id)?.job;
  return wasSent(entry, id) || openCalls.length >= MAX_LISTED || openCalls.some((call) => call.job === job);
}
