// Starts a run from an owner's words over the public API: the same command as that of a box, by the same way, without shares and
// collections. What it may not be is refused here; whether it is a repeat, the inbox says.
import { createHash } from 'node:crypto';
import { toBinary } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import {
  type AskRequest as ControlAskRequest,
  AskRequestSchema as ControlAskRequestSchema,
} from '../../../../gen/bowline/control/v1/run_service_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { newId } from '../../../base/ids.ts';
import { fromFailure } from '../../../contract/errors.ts';
import type { Devices, StoredDevice } from '../../identity/devices.ts';
import { type OwnerPrincipal, principalName } from '../../identity/principal.ts';
import type { RestoreGuard } from '../../identity/restore-guard.ts';
import type { Orchestrator } from '../../orchestrator/service/orchestrator.ts';
import { isUnreadable } from '../../orchestrator/service/unreadable.ts';
import type { Conversations } from '../../store/conversations.ts';
import { missingRun } from '../../store/removed-runs.ts';
import type { Runs } from '../../store/runs.ts';
import { notHere } from '../mesh-target.ts';
import type { OwnerAsks } from './owner-asks.ts';

export interface AskRunParts {
  readonly runs: Pick<Orchestrator, 'ask' | 'runOf' | 'state'>;
  readonly stored: Pick<Runs, 'get' | 'countOpen' | 'removed'>;
  readonly ownerAsks: OwnerAsks;
  readonly conversations: Pick<Conversations, 'get'>;
  readonly devices: Pick<Devices, 'find'>;
  readonly restored: Pick<RestoreGuard, 'mustGoOn'>;
}

/**
 * The run of this ask: a new one, or that of the first time. Resolves when it is committed. Throws NOT_FOUND, DEVICE_OFFLINE,
 * DEVICE_SUSPENDED, INVALID_ARGUMENT, LIMIT_EXCEEDED, REQUEST_ID_REUSED.
 */
export async function runOfAsk(
  parts: AskRunParts,
  owner: OwnerPrincipal,
  request: ControlAskRequest,
  traceParent: string,
): Promise<string> {
  const { tenant } = owner;
  const principal = principalName(owner);
  const id = { source: principal, commandId: `ask:${request.requestId || newId()}` };
  const known = request.requestId === '' ? undefined : await parts.runs.runOf(tenant, id);
  if (known !== undefined) return sameRun(parts, tenant, known, request);
  const device = await mayBegin(parts, tenant, request);
  const run = newId();
  const ask = {
    ...id,
    run,
    conversation: request.conversation || newId(),
    device: device?.id ?? '',
    deviceName: device?.name ?? '',
    principal,
    text: request.text,
    shares: [],
    requestDigest: digestOf(request),
    traceParent,
    maxCostMicros: request.maxCostMicros,
    tier: request.tier,
    better: request.better,
    betterThan: request.betterThan,
    ...(request.timeout ? { timeoutMs: durationMs(request.timeout) } : {}),
  };
  const open = () => parts.stored.countOpen(tenant, principal);
  const answer = await parts.ownerAsks.commit(principal, open, () => parts.runs.ask(tenant, ask));
  // Of two that came at the same time one is recorded; so is one that was refused for its place in the line.
  const recorded = await parts.runs.runOf(tenant, id);
  if (recorded === undefined && 'refused' in answer) throw fromFailure(answer.refused);
  return recorded === undefined || recorded === run ? run : sameRun(parts, tenant, recorded, request);
}

/** What only a new run must meet. Returns the device that it may use. */
async function mayBegin(
  { restored, devices, conversations }: AskRunParts,
  tenant: string,
  { device: name, conversation }: ControlAskRequest,
): Promise<StoredDevice | undefined> {
  restored.mustGoOn(tenant);
  const device = name === '' ? undefined : await devices.find(tenant, name);
  if (device && !device.online) throw notHere(device);
  if (conversation !== '' && !(await conversations.get(tenant, conversation)))
    throw new AppError('NOT_FOUND', { kind: 'conversation' });
  return device;
}

/** The run of the first time, if it was asked for with the same fields. */
async function sameRun(
  { runs, stored }: AskRunParts,
  tenant: string,
  run: string,
  request: ControlAskRequest,
): Promise<string> {
  const row = await stored.get(tenant, run);
  if (!row) throw await missingRun(stored, tenant, run);
  const digest = await firstDigest(runs, tenant, run);
  const same = digest?.length ? Buffer.compare(digest, digestOf(request)) === 0 : row.text === request.text;
  if (!same) throw new AppError('REQUEST_ID_REUSED', { id: request.requestId });
  return run;
}

/** None of a run that cannot be read, nor of one that an older version began: of those the words are compared. */
async function firstDigest(runs: Pick<Orchestrator, 'state'>, tenant: string, run: string) {
  try {
    return (await runs.state(tenant, run))?.requestDigest;
  } catch (error) {
    if (isUnreadable(error)) return undefined;
    throw error;
  }
}

const digestOf = (request: ControlAskRequest): Buffer =>
  createHash('sha256').update(toBinary(ControlAskRequestSchema, request)).digest();
