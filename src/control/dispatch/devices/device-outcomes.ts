// What runs are told of the calls of devices: answers, calls that never began, and edges that ended with a call in hand. It knows
// nothing of what was sent; device-calls.ts does.
import { durationMs } from '@bufbuild/protobuf/wkt';
import type { ToolHeld } from '../../../../gen/bowline/edge/v1/edge_pb.ts';
import type { ToolResult } from '../../../../gen/bowline/record/v1/record_pb.ts';
import { fullJitter } from '../../../base/backoff.ts';
import { causeText } from '../../../base/cause-text.ts';
import { type Clock, sleep } from '../../../base/clock.ts';
import { AppError } from '../../../base/errors.ts';
import { dispatchId, parseDispatchId } from '../../../base/ids.ts';
import type { Logger } from '../../../base/logger.ts';
import { toFailure } from '../../../contract/errors.ts';
import type { UntimedCommand } from '../../orchestrator/decide/run-commands.ts';
import { isNewEnd } from '../../orchestrator/run/edge-ends.ts';
import type { Orchestrator } from '../../orchestrator/service/orchestrator.ts';
import { ifReadable, isUnreadable } from '../../orchestrator/service/unreadable.ts';
import type { Outbox, StoredOutboxRow } from '../../store/outbox.ts';
import type { DeviceSession } from '../session-ports.ts';
import { resultOf, runOf } from './tool-messages.ts';

export interface DeviceOutcomesParts {
  readonly runs: Orchestrator;
  readonly outbox: Pick<Outbox, 'pendingForDevice'>;
  /** The name of a device that was removed, or is being removed. */
  readonly removed: (device: { tenant: string; id: string }) => Promise<string | undefined>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** An attempt at a job of a device. */
interface Attempt {
  readonly run: string;
  readonly job: string;
  readonly epoch: number;
}

/** Tries to commit one answer before it is left to the device's next session. */
const MAX_ROUNDS = 20;

export class DeviceOutcomes {
  readonly #parts: DeviceOutcomesParts;
  /** What devices said last of the calls that wait for owners, while that is being written down. */
  readonly #holds = new Map<string, ToolHeld>();
  #holdsSaid = 0;

  constructor(parts: DeviceOutcomesParts) {
    this.#parts = parts;
  }

  /**
   * Writes down which start of the edge had which calls when its session ended. Whether it ended at one is seen when it is back.
   * Resolves when all is written down, or could not be. Never throws.
   */
  async held({ tenant, bootId }: DeviceSession, dispatchIds: Iterable<string>): Promise<void> {
    await Promise.all([...dispatchIds].map((id) => this.#heldOne(tenant, bootId, id)));
  }

  async #heldOne(tenant: string, bootId: string, id: string): Promise<void> {
    const at = parseDispatchId(id);
    const run = at && runOf(at.job);
    if (!run) return;
    try {
      const known = await ifReadable(this.#parts.runs.state(tenant, run));
      const job = known?.jobs.get(at.job);
      if (!known || !job || job.epoch !== at.epoch || !isNewEnd(known, job, bootId)) return;
      const command = { type: 'received', ...at, heldBy: bootId } as const;
      await this.#parts.runs.command(tenant, run, command, {
        source: 'dispatch',
        commandId: `held:${id}:${bootId}`,
      });
    } catch (error) {
      this.#parts.log.warn('the end of an edge with a call in hand could not be recorded', {
        job: at.job,
        why: String(error),
      });
    }
  }

  /** The journal of a device does not fit, or it was removed: what became of its calls cannot be told any more. Throws when the store fails. */
  async unknown(
    { tenant, device }: Pick<DeviceSession, 'tenant' | 'device'>,
    targetName: string,
    why: string,
  ): Promise<void> {
    for (const row of await this.#parts.outbox.pendingForDevice(tenant, device))
      await this.#unknown(row, targetName, why);
  }

  async #unknown({ tenant, run, job, epoch, dispatchId: id }: StoredOutboxRow, targetName: string, why: string) {
    const result = { case: 'unknown', value: toFailure(new AppError('OUTCOME_UNKNOWN', { why })) } as const;
    const command = { type: 'result', job, epoch, result, targetName } as const;
    const commandId = `quarantined:${id}`;
    await ifReadable(this.#parts.runs.command(tenant, run, command, { source: 'dispatch', commandId }));
  }

  /**
   * Ends a call that was committed for a device that was removed meanwhile, if it was: nobody else would before the run is over. Never
   * throws.
   */
  async endIfRemoved(tenant: string, device: string, attempt: Attempt): Promise<void> {
    try {
      const name = await this.#parts.removed({ tenant, id: device });
      if (name !== undefined) await this.#removedBefore(tenant, name, attempt);
    } catch (error) {
      const why = causeText(error);
      this.#parts.log.warn('whether the device of a call was removed could not be seen', {
        tenant,
        job: attempt.job,
        why,
      });
    }
  }

  /** The device was removed before it had this call. */
  async #removedBefore(tenant: string, device: string, { run, job, epoch }: Attempt): Promise<void> {
    const result = { case: 'neverStarted', value: toFailure(new AppError('DEVICE_REMOVED', { device })) } as const;
    const command = { type: 'result', job, epoch, result, keyFree: false, targetName: `device ${device}` } as const;
    const commandId = `removed:${dispatchId(job, epoch)}`;
    await ifReadable(this.#parts.runs.command(tenant, run, command, { source: 'dispatch', commandId }));
  }

  /**
   * Ends what a session left open if its device was removed meanwhile. Never throws.
   * @param mayHave whether the device may have this dispatch; what it cannot have never began
   */
  async sessionEnded(
    { tenant, device }: Pick<DeviceSession, 'tenant' | 'device'>,
    mayHave: (dispatchId: string) => boolean,
  ): Promise<void> {
    try {
      const name = await this.#parts.removed({ tenant, id: device });
      if (name === undefined) return;
      for (const row of await this.#parts.outbox.pendingForDevice(tenant, device)) {
        if (mayHave(row.dispatchId)) await this.#unknown(row, `device ${name}`, 'the device was removed');
        else await this.#removedBefore(tenant, name, row);
      }
    } catch (error) {
      this.#parts.log.warn('the calls of a removed device could not be ended yet', { device, why: String(error) });
    }
  }

  /** Commits that a call never began on the device. Never throws. */
  neverStarted(
    session: DeviceSession,
    { run, job, epoch }: Attempt,
    error: AppError,
    commandId: string,
    keyFree = false,
  ): void {
    const result = { case: 'neverStarted', value: toFailure(error) } as const;
    this.#parts.runs
      .command(
        session.tenant,
        run,
        { type: 'result', job, epoch, result, keyFree, targetName: targetOf(session) },
        { source: 'dispatch', commandId },
      )
      .catch((problem: unknown) =>
        this.#parts.log.warn('a call that never began could not be ended yet', {
          tenant: session.tenant,
          job,
          why: String(problem),
        }),
      );
  }

  /** Ends a call at which one start of the edge after the other ended. Never throws. */
  endsEdges(session: DeviceSession, { run, job, epoch }: Attempt): void {
    const { tenant, bootId: boot } = session;
    const command = { type: 'endsEdges', job, epoch, boot, targetName: targetOf(session) } as const;
    this.#parts.runs
      .command(tenant, run, command, { source: 'dispatch', commandId: `ends-edges:${dispatchId(job, epoch)}` })
      .catch((problem: unknown) =>
        this.#parts.log.warn('a call that ends edges could not be ended yet', { tenant, job, why: String(problem) }),
      );
  }

  /**
   * Records that a call waits for the owner of its device, or has the owner's yes. What is said of a call while it is written down comes
   * after it, and only the last of that counts. Never throws.
   * @param isCurrent whether the session is still that of its device
   */
  async holds(session: DeviceSession, run: string, frame: ToolHeld, isCurrent: () => boolean): Promise<void> {
    const id = `${session.tenant}/${dispatchId(frame.job, Number(frame.epoch))}/${session.epoch}`;
    const busy = this.#holds.has(id);
    this.#holds.set(id, frame);
    if (busy) return;
    for (let next: ToolHeld | undefined = frame; next; ) {
      await this.#hold(session, run, next, () => isCurrent() && this.#holds.get(id) === next);
      const said: ToolHeld | undefined = this.#holds.get(id);
      next = said === next ? undefined : said;
    }
    this.#holds.delete(id);
  }

  async #hold(session: DeviceSession, run: string, frame: ToolHeld, isCurrent: () => boolean): Promise<void> {
    const { tenant, device, epoch: of } = session;
    const at = { job: frame.job, epoch: Number(frame.epoch) };
    const left = frame.left ? durationMs(frame.left) : 0;
    const command = { type: 'held', ...at, leftMs: frame.over ? undefined : left } as const;
    const commandId = `held:${dispatchId(frame.job, at.epoch)}:${of}:${this.#holdsSaid++}`;
    const id = { source: `device:${device}`, commandId, session: { device, epoch: of } };
    for (let round = 1; isCurrent(); round++) {
      try {
        // A device speaks only for jobs that were given to it.
        const state = await this.#parts.runs.state(tenant, run, at);
        if (state?.jobs.get(frame.job)?.device === device) await this.#parts.runs.command(tenant, run, command, id);
        return;
      } catch (error) {
        if (error instanceof AppError && error.reason === 'SUPERSEDED') return session.doubt();
        if (!(error instanceof AppError && error.retryable)) {
          this.#parts.log.warn('that a call waits for its owner could not be recorded', {
            job: frame.job,
            why: causeText(error),
          });
          return;
        }
        await sleep(this.#parts.clock, fullJitter(round, 100, 5_000));
      }
    }
  }

  /**
   * Records an answer. True when it, or the error that it met, is recorded, or nobody asked for it; false when it must come again.
   * @param isCurrent whether the session is still that of its device
   */
  async result(session: DeviceSession, run: string, frame: ToolResult, isCurrent: () => boolean): Promise<boolean> {
    const { tenant, device } = session;
    const at = { job: frame.job, epoch: Number(frame.epoch) };
    let command: UntimedCommand = resultOf(frame, targetOf(session));
    let given = false;
    for (let round = 1; isCurrent(); round++) {
      try {
        // A device may only answer for jobs that were given to it.
        const state = await this.#parts.runs.state(tenant, run, at);
        if (state?.jobs.get(frame.job)?.device !== device) return true;
        const by = { device, epoch: session.epoch };
        const id = { source: `device:${device}`, commandId: dispatchId(frame.job, at.epoch), session: by };
        await this.#parts.runs.command(tenant, run, command, id);
        return true;
      } catch (error) {
        if (error instanceof AppError && error.reason === 'SUPERSEDED') {
          session.doubt();
          return false;
        }
        if (error instanceof AppError && error.retryable) {
          if (round >= MAX_ROUNDS) break;
          await sleep(this.#parts.clock, fullJitter(round, 100, 5_000));
          continue;
        }
        // Nobody asks for the answers of a run that its owner ended unread; of one that is set aside they are kept by the device.
        if (isUnreadable(error)) return this.#endedUnread(tenant, run);
        this.#parts.log.error('the answer of a device could not be committed', error, { tenant, job: frame.job });
        // Asking the device again would end here again, so the job ends with the error, alone.
        if (given) return false;
        given = true;
        const result = { case: 'failure', value: toFailure(error, this.#parts.log) } as const;
        command = { type: 'result', ...at, result, targetName: targetOf(session) };
      }
    }
    return false;
  }

  async #endedUnread(tenant: string, run: string): Promise<boolean> {
    try {
      return (await this.#parts.runs.setAside(tenant, run))?.ended !== undefined;
    } catch {
      return false;
    }
  }
}

/** How a device is called in what runs record. */
export const targetOf = (session: DeviceSession): string => `device ${session.deviceName}`;
