// Tool calls for devices whose sessions are here. Resync is by state: whatever the outbox holds for a connected device and
// the device has not said it received in this session is sent (again). The edge's journal makes repeats harmless.
import { create } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { ToolCallSchema, type ToolProgress, type ToolResult } from '../../../gen/bowline/edge/v1/edge_pb.ts';
import { ResponsesSchema } from '../../../gen/bowline/event/v1/event_pb.ts';
import { fullJitter } from '../../base/backoff.ts';
import { type Clock, sleep } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import type { Logger } from '../../base/logger.ts';
import { fromFailure, toFailure } from '../../contract/errors.ts';
import type { RunRequest } from '../orchestrator/commands.ts';
import type { RunService } from '../orchestrator/run-service.ts';
import type { JobState, RunState } from '../orchestrator/state.ts';
import type { Outbox, StoredOutboxRow } from '../store/outbox.ts';
import type { OutboxRow } from '../store/unit.ts';
import type { DeviceSession } from './session-ports.ts';
import type { Signals } from './signals.ts';

export interface DeviceCallsParts {
  readonly runs: RunService;
  readonly outbox: Outbox;
  readonly signals: Signals;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long a call is good after it was signed; the edge refuses it later. */
  readonly callTtlMs: number;
}

interface Connected {
  readonly session: DeviceSession;
  /** Dispatches sent in this session that need not be sent again. */
  readonly received: Set<string>;
  unsubscribe: () => Promise<void>;
  sending: Promise<void> | undefined;
  again: boolean;
}

export class DeviceCalls {
  readonly #parts: DeviceCallsParts;
  readonly #connected = new Map<string, Connected>();

  constructor(parts: DeviceCallsParts) {
    this.#parts = parts;
  }

  sessions(): DeviceSession[] {
    return [...this.#connected.values()].map(({ session }) => session);
  }

  session(tenant: string, device: string): DeviceSession | undefined {
    return this.#connected.get(key(tenant, device))?.session;
  }

  /** Takes a session in. Of the calls that the device still holds, those that nobody wants any more are stopped. */
  async connected(session: DeviceSession, open: readonly { job: string }[]): Promise<void> {
    const entry: Connected = {
      session,
      received: new Set(),
      unsubscribe: async () => {},
      sending: undefined,
      again: false,
    };
    this.#connected.set(key(session.tenant, session.device), entry);
    entry.unsubscribe = await this.#parts.signals.ofDevice(session.tenant, session.device, {
      signal: ({ signal }) => {
        if (signal.case === 'cancelJob') this.#cancel(entry, signal.value);
        else this.#send(entry);
      },
      gap: () => this.#send(entry),
    });
    if (this.#connected.get(key(session.tenant, session.device)) !== entry) return entry.unsubscribe();
    this.#send(entry);
    for (const { job } of open) await this.#stopUnwanted(session, job);
  }

  async gone(session: DeviceSession): Promise<void> {
    const entry = this.#connected.get(key(session.tenant, session.device));
    if (entry?.session !== session) return;
    this.#connected.delete(key(session.tenant, session.device));
    await entry.unsubscribe();
  }

  /** Calls that were just committed: sent at once where the session is here, else its holder is told to look. */
  added(rows: readonly (OutboxRow & { readonly tenant: string })[], state: RunState): void {
    for (const row of rows) {
      if (row.device === undefined) continue;
      const entry = this.#connected.get(key(row.tenant, row.device));
      if (entry) this.#hand(entry, row, state);
      else this.#parts.signals.toDevice(row.tenant, row.device, { case: 'deviceCalls', value: row.device });
    }
  }

  /** Asks a device to stop a call. */
  cancel(tenant: string, device: string, job: string, epoch: number): void {
    this.#parts.signals.toDevice(tenant, device, { case: 'cancelJob', value: `${job}-${epoch}` });
  }

  received(session: DeviceSession, job: string, epoch: number): void {
    this.#connected.get(key(session.tenant, session.device))?.received.add(`${job}-${epoch}`);
  }

  /** A streamed response of a running call, for whoever waits for it. */
  progress(session: DeviceSession, { job, epoch, index, response }: ToolProgress): void {
    const run = runOf(job);
    if (run)
      this.#parts.signals.toRun(session.tenant, run, { case: 'message', value: { job, epoch, index, response } });
  }

  /** An answer of a device: committed, then acknowledged. Never throws; what cannot be committed comes again. */
  async result(session: DeviceSession, frame: ToolResult): Promise<void> {
    const run = runOf(frame.job);
    const epoch = Number(frame.epoch);
    if (!run) return session.committed(frame.job, epoch, frame.idempotencyKey);
    const command = resultOf(frame, `device ${session.deviceName}`);
    for (let round = 1; ; round++) {
      try {
        // The device may only answer for jobs that were given to it.
        const state = await this.#parts.runs.state(session.tenant, run, { job: frame.job, epoch });
        if (state?.jobs.get(frame.job)?.device === session.device) {
          await this.#parts.runs.command(session.tenant, run, command, {
            source: `device:${session.device}`,
            commandId: `${frame.job}-${epoch}`,
          });
        }
        break;
      } catch (error) {
        if (!(error instanceof AppError && error.retryable) || round > 20) {
          this.#parts.log.error('the answer of a device could not be committed', error, { job: frame.job });
          return;
        }
        await sleep(this.#parts.clock, fullJitter(round, 100, 5_000));
      }
    }
    this.#connected.get(key(session.tenant, session.device))?.received.delete(`${frame.job}-${epoch}`);
    session.committed(frame.job, epoch, frame.idempotencyKey);
  }

  /** The net under lost hints: looks again for every connected device. */
  scan(): void {
    for (const entry of this.#connected.values()) this.#send(entry);
  }

  #send(entry: Connected): void {
    entry.again = true;
    entry.sending ??= this.#sendAll(entry)
      .catch((error: unknown) =>
        this.#parts.log.warn('tool calls could not be read', { device: entry.session.device, why: String(error) }),
      )
      .finally(() => {
        entry.sending = undefined;
      });
  }

  async #sendAll(entry: Connected): Promise<void> {
    const { tenant, device } = entry.session;
    while (entry.again && this.#connected.get(key(tenant, device)) === entry) {
      entry.again = false;
      const rows = await this.#parts.outbox.pendingForDevices(tenant, [device]);
      for (const row of rows) if (!entry.received.has(row.dispatchId)) await this.#sendOne(entry, row);
    }
  }

  async #sendOne(entry: Connected, row: StoredOutboxRow): Promise<void> {
    const state = await this.#parts.runs.state(row.tenant, row.run, row);
    if (state) this.#hand(entry, row, state);
  }

  #hand(entry: Connected, row: OutboxRow & { readonly tenant: string }, state: RunState): void {
    const job = state.jobs.get(row.job);
    if (job?.epoch !== row.epoch || (job.phase !== 'queued' && job.phase !== 'running')) return;
    // Within a session nothing is lost on the way, so once is enough; the next session looks again.
    if (entry.received.has(row.dispatchId)) return;
    entry.received.add(row.dispatchId);
    try {
      entry.session.call(this.#callOf(entry.session, row, state, job));
    } catch {
      // The session is ending; whoever comes next gets it.
      return;
    }
    this.#parts.signals.toRun(row.tenant, row.run, {
      case: 'running',
      value: { job: row.job, epoch: BigInt(row.epoch), targetName: `device ${entry.session.deviceName}` },
    });
  }

  #callOf(session: DeviceSession, row: { readonly tenant: string } & OutboxRow, state: RunState, job: JobState) {
    const now = this.#parts.clock.now();
    return create(ToolCallSchema, {
      tenant: row.tenant,
      device: session.device,
      run: row.run,
      job: row.job,
      epoch: BigInt(row.epoch),
      method: job.method,
      params: job.params,
      idempotencyKey: job.idempotencyKey,
      issueTime: timestampFromMs(now),
      // One expiry per key, whenever it is sent: the edge forgets a key only after that.
      expireTime: timestampFromMs(job.queuedAt + Math.max(job.timeoutMs, state.timeoutMs) + this.#parts.callTtlMs),
      ...(job.timeoutMs > 0 ? { deadline: durationFromMs(job.timeoutMs) } : {}),
      recipient: job.recipients[0] ?? '',
      principal: state.kind === 'ask' ? 'planner' : state.principal,
    });
  }

  /** The durable side of a cancel whose hint was lost. */
  async #stopUnwanted(session: DeviceSession, job: string): Promise<void> {
    const run = runOf(job);
    const state = run ? await this.#parts.runs.state(session.tenant, run) : undefined;
    const known = state?.jobs.get(job);
    if (known?.phase === 'cancelling' || known?.phase === 'cancelled') session.cancel(job, known.epoch);
  }

  #cancel(entry: Connected, dispatchId: string): void {
    const match = /^(.+)-(\d+)$/.exec(dispatchId);
    if (match) entry.session.cancel(match[1]!, Number(match[2]));
  }
}

const key = (tenant: string, device: string) => `${tenant}/${device}`;

const runOf = (job: string): string | undefined => /^(.+)\/\d+\/\d+$/.exec(job)?.[1];

/** A device's answer as a command. Its failures carry only a reason; the text is ours. */
function resultOf(frame: ToolResult, targetName: string): RunRequest {
  const { answer } = frame;
  const base = {
    type: 'result' as const,
    job: frame.job,
    epoch: Number(frame.epoch),
    withheld: frame.withheld,
    egress: frame.egress,
    targetName,
  };
  switch (answer.case) {
    case 'done': {
      const { responses, failure } = answer.value;
      if (failure && responses.length === 0)
        return { ...base, result: { case: 'failure', value: toFailure(fromFailure(failure)) } };
      return {
        ...base,
        result: { case: 'done', value: create(ResponsesSchema, { messages: responses }) },
        ...(failure ? { trailingFailure: toFailure(fromFailure(failure)) } : {}),
      };
    }
    case 'neverStarted':
      return { ...base, result: { case: 'neverStarted', value: toFailure(fromFailure(answer.value)) } };
    default:
      return {
        ...base,
        result: {
          case: 'unknown',
          value: toFailure(
            answer.value
              ? fromFailure(answer.value)
              : new AppError('OUTCOME_UNKNOWN', { why: 'the device did not say' }),
          ),
        },
      };
  }
}
