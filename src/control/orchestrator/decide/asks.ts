// What may be asked of the orchestrator, and the first event that it becomes. Pure.
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import type { Failure } from '../../../../gen/bowline/common/v1/common_pb.ts';
import { type RunAccepted, RunAcceptedSchema, RunKind, TargetKind } from '../../../../gen/bowline/event/v1/event_pb.ts';
import type { CollectionUse, ShareGrant } from '../../../../gen/bowline/record/v1/record_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { toFailure } from '../../../contract/errors.ts';
import { limitsToProto, type OrchestratorLimits } from '../run/limits.ts';
import type { FoldedRun } from '../run/state.ts';
import type { CommandId } from './run-commands.ts';

export interface AskCommand extends CommandId {
  /** Made by whoever asks; a UUID. */
  readonly run: string;
  readonly conversation: string;
  /** Device that asks, or that the tools are on; empty for none. */
  readonly device: string;
  readonly deviceName: string;
  readonly principal: string;
  readonly text: string;
  readonly shares: readonly ShareGrant[];
  /** Collections that it may look into; default none. */
  readonly collections?: readonly CollectionUse[] | undefined;
  readonly timeoutMs?: number | undefined;
  /** Most that it may cost, in millionths; default and 0: no such limit. */
  readonly maxCostMicros?: bigint | undefined;
  /** The tier that it begins with; default and empty: as the rules say. */
  readonly tier?: string | undefined;
  /** One tier above what the rules say, or above what answered `betterThan`. */
  readonly better?: boolean | undefined;
  /** The run whose question it asks again; default none. */
  readonly betterThan?: string | undefined;
  /** SHA-256 of an owner's request, to know a repeat of it by; default none. */
  readonly requestDigest?: Uint8Array | undefined;
  /** The span of whoever asks, as `traceparent` says it; default none. */
  readonly traceParent?: string | undefined;
}

export interface CallCommand extends CommandId {
  readonly run: string;
  /** Device id; required when the target is a device. */
  readonly device?: string | undefined;
  readonly deviceName?: string | undefined;
  readonly principal: string;
  /** Full method name. */
  readonly method: string;
  readonly params: Uint8Array;
  readonly selector: Readonly<Record<string, string>>;
  readonly target: 'worker' | 'device';
  /** Empty means the run id. */
  readonly idempotencyKey: string;
  readonly timeoutMs?: number | undefined;
  /** The span of whoever calls, as `traceparent` says it; default none. */
  readonly traceParent?: string | undefined;
}

export type AskReceipt = { readonly accepted: true } | { readonly refused: Failure };

/** The first event of an ask. */
export function acceptedAsk(tenant: string, ask: AskCommand, limits: OrchestratorLimits): RunAccepted {
  return create(RunAcceptedSchema, {
    run: ask.run,
    tenant,
    kind: RunKind.ASK,
    conversation: ask.conversation,
    device: ask.device,
    deviceName: ask.deviceName,
    principal: ask.principal,
    text: ask.text,
    shares: [...ask.shares],
    collections: [...(ask.collections ?? [])],
    timeout: durationFromMs(timeout(ask.timeoutMs, limits)),
    limits: limitsToProto(limits),
    requestSha256: ask.requestDigest ?? new Uint8Array(),
    maxCostMicros: ask.maxCostMicros ?? 0n,
    traceParent: ask.traceParent ?? '',
    tier: ask.tier ?? '',
    better: ask.better ?? false,
    betterThan: ask.betterThan ?? '',
  });
}

/** The first event of a call. */
export function acceptedCall(tenant: string, call: CallCommand, limits: OrchestratorLimits): RunAccepted {
  const { method, params, selector, target, idempotencyKey } = call;
  return create(RunAcceptedSchema, {
    run: call.run,
    tenant,
    kind: RunKind.CALL,
    device: call.device ?? '',
    deviceName: call.deviceName ?? '',
    principal: call.principal,
    timeout: durationFromMs(timeout(call.timeoutMs, limits)),
    call: {
      method,
      params,
      selector: { ...selector },
      target: target === 'device' ? TargetKind.DEVICE : TargetKind.WORKER,
      idempotencyKey: idempotencyKey || call.run,
    },
    limits: limitsToProto(limits),
    traceParent: call.traceParent ?? '',
  });
}

function timeout(wanted: number | undefined, limits: OrchestratorLimits): number {
  if (wanted === undefined || !(wanted > 0)) return limits.runTimeoutMs;
  return Math.min(Math.ceil(wanted), limits.maxRunTimeoutMs);
}

/** A run that is there already is the same ask again, unless it says something else. */
export function sameAsk(known: FoldedRun, ask: AskCommand): AskReceipt {
  if (known.kind !== 'ask' || known.conversation !== ask.conversation || known.text !== ask.text) {
    return { refused: toFailure(new AppError('RUN_EXISTS', { run: ask.run })) };
  }
  const refused = known.phase === 'refused' && known.startedAt === undefined ? known.outcome?.failure : undefined;
  return refused ? { refused } : { accepted: true };
}
