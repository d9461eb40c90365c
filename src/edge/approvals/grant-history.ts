// What the journal tells of calls and grants: which calls that were asked for a pattern would have covered, and why a call ran.
import { create } from '@bufbuild/protobuf';
import {
  type Approval,
  type Effect as ApprovalEffect,
  EffectSchema as ApprovalEffectSchema,
  ApprovalSchema,
  type CallGrant,
  CommandEffectSchema,
  FileEffectSchema,
  HttpEffectSchema,
} from '../../../gen/bowline/approval/v1/approval_pb.ts';
import type { ApprovalRequested } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import {
  type ExplainCallResponse,
  ExplainCallResponseSchema,
  type PreviewGrantResponse,
  PreviewGrantResponseSchema,
} from '../../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../../base/errors.ts';
import type { EdgeJournal } from '../journal/edge-journal.ts';
import type { KnownRecord } from '../journal/records.ts';
import { coversCall } from './call-grant.ts';

const NEWEST = 5;

export class GrantHistory {
  readonly #journal: Pick<EdgeJournal, 'entries' | 'approvals'>;

  constructor(journal: Pick<EdgeJournal, 'entries' | 'approvals'>) {
    this.#journal = journal;
  }

  /** What a grant would have covered of the calls that were asked for. One that was asked anew counts once. */
  async covered(grant: CallGrant): Promise<PreviewGrantResponse> {
    const known = new Set<string>();
    const found = new Map<string, Approval>();
    let own = '';
    for await (const { record } of this.#journal.entries()) {
      for (const { approval, idempotencyKey: key } of requestsOf(record)) {
        if (!approval?.effect) continue;
        known.add(key);
        if (approval.id === grant.approval) own = key;
        // A later one of the same key is the call as it came to be.
        found.delete(key);
        if (coversCall(grant, approval)) found.set(key, approval);
      }
    }
    known.delete(own);
    found.delete(own);
    const newest = [...found.values()].slice(-NEWEST).reverse().map(withoutTexts);
    return create(PreviewGrantResponseSchema, { grant, calls: found.size, newest, known: known.size });
  }

  /** Why a call ran, or was asked for. @param call id of its job, or its key @throws NOT_FOUND */
  async explain(call: string): Promise<ExplainCallResponse> {
    const told = create(ExplainCallResponseSchema);
    const approvals = new Map<string, Approval>();
    const minted = new Map<string, CallGrant>();
    const is = (job: string, key: string) => job === call || key === call;
    for await (const { record } of this.#journal.entries()) {
      for (const grant of mintedIn(record)) minted.set(grant.id, grant);
      for (const { approval, idempotencyKey: key } of requestsOf(record)) {
        if (!approval || !is(approval.job, key)) continue;
        Object.assign(told, { job: approval.job, key, method: approval.method });
        approvals.set(approval.id, this.#asItIs(approval));
      }
      for (const intent of intentsOf(record)) {
        const { job, idempotencyKey: key, method, unasked, grants } = intent;
        if (!is(job, key)) continue;
        const grant = minted.get(grants[0] ?? '');
        Object.assign(told, { job, key, method, unasked, began: true, ...(grant && { grant }) });
      }
      if (
        record.case === 'toolOutcome' &&
        record.value.result?.keyFree &&
        is(record.value.job, record.value.idempotencyKey)
      )
        // That attempt was taken back before it changed anything.
        Object.assign(told, { began: false, unasked: '', grant: undefined });
    }
    if (told.key === '') throw new AppError('NOT_FOUND', { kind: 'call' });
    told.approvals = [...approvals.values()];
    return told;
  }

  #asItIs(approval: Approval): Approval {
    const { approvals: book } = this.#journal;
    const { effect: _, ...rest } = book.get(approval.id)?.approval ?? book.ended(approval.id)?.approval ?? approval;
    return create(ApprovalSchema, rest);
  }
}

function requestsOf(record: KnownRecord): ApprovalRequested[] {
  if (record.case === 'approvalRequested') return [record.value];
  if (record.case !== 'checkpoint') return [];
  return record.value.approvals.flatMap(({ request }) => request ?? []);
}

function mintedIn(record: KnownRecord): CallGrant[] {
  if (record.case === 'callGrantMinted') return record.value.grant ? [record.value.grant] : [];
  return record.case === 'checkpoint' ? record.value.callGrants.flatMap(({ grant }) => grant ?? []) : [];
}

function intentsOf(record: KnownRecord) {
  if (record.case === 'intent') return [record.value];
  return record.case === 'checkpoint' ? record.value.intents : [];
}

/** Places and words, no texts. */
function withoutTexts(approval: Approval): Approval {
  const { effect } = approval.effect ?? {};
  const bare: ApprovalEffect['effect'] | undefined =
    effect?.case === 'file'
      ? { case: 'file', value: create(FileEffectSchema, { ...effect.value, diff: '' }) }
      : effect?.case === 'command'
        ? {
            case: 'command',
            value: create(CommandEffectSchema, { argv: effect.value.argv, cwd: effect.value.cwd }),
          }
        : effect?.case === 'http'
          ? { case: 'http', value: create(HttpEffectSchema, { ...effect.value, body: '', headers: [] }) }
          : undefined;
  return create(ApprovalSchema, {
    ...approval,
    ...(bare && { effect: create(ApprovalEffectSchema, { effect: bare }) }),
  });
}
