// What a pruned part of the journal must leave behind: keys that are still remembered, asks without an answer, standing
// grants, approvals, paired keys, what left on each day, the anchor.
import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { FailureSchema } from '../../../gen/bowline/common/v1/common_pb.ts';
import {
  type ChangeKept,
  type Checkpoint,
  CheckpointSchema,
  DayEgressSchema,
  type GrantMinted,
  type Intent,
  type KeptApproval,
  type KeptCallGrant,
  type KeptTurn,
  KeptTurnSchema,
  type OpenAsk,
  OpenAskSchema,
  type OwnerAdded,
  type ToolOutcome,
  ToolOutcomeSchema,
  type ToolRefused,
} from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { fixedLimit } from '../../base/fixed-limit.ts';
import type { ApprovalBook } from './approval-book.ts';
import type { AskBook } from './ask-book.ts';
import type { CallBook } from './call-book.ts';
import type { CallGrantBook } from './call-grant-book.ts';
import type { ChangeBook } from './change-book.ts';
import type { DayBook } from './day-book.ts';
import { type ChainHead, type LastSession, MAX_RECORD_BYTES } from './journal-types.ts';
import type { OwnerBook } from './owner-book.ts';
import type { Entry } from './records.ts';
import type { SensitiveBook } from './sensitive-book.ts';
import type { StandingBook } from './standing-book.ts';

/** Where the records and the memory of them come from. */
export interface CheckpointSource {
  readonly id: string;
  readonly calls: CallBook;
  readonly asks: AskBook;
  readonly standing: StandingBook;
  readonly approvals: ApprovalBook;
  readonly callGrants: CallGrantBook;
  readonly changes: Pick<ChangeBook, 'upTo'>;
  readonly owners: OwnerBook;
  readonly days: Pick<DayBook, 'upTo'>;
  readonly sensitive: Pick<SensitiveBook, 'get'>;
  entries(from?: number): AsyncIterable<Entry>;
}

/**
 * Checkpoints for everything up to `cut`, several when one would be too long. What ends while they are made may still be
 * in them: folds let newer records win.
 * @throws LIMIT_EXCEEDED when a single item does not fit a record
 */
export async function checkpointRecords(
  source: CheckpointSource,
  cut: ChainHead,
  anchor?: ChainHead,
  session?: LastSession,
): Promise<Checkpoint[]> {
  const needed = new Set(source.calls.upTo(cut.sequence).map((call) => call.key));
  const asks = new Map(source.asks.open().map((ask) => [ask.sequence, ask]));
  const outcomes = new Map<string, ToolOutcome>();
  const intents = new Map<string, Intent>();
  const open: OpenAsk[] = [];

  const outcome = (value: ToolOutcome) => {
    // The key began anew after this.
    if (value.result?.keyFree) intents.delete(value.idempotencyKey);
    else if (needed.has(value.idempotencyKey)) outcomes.set(value.idempotencyKey, value);
  };
  const intent = (value: Intent) => {
    if (needed.has(value.idempotencyKey)) intents.set(value.idempotencyKey, value);
  };
  const ask = (value: OpenAsk) => {
    const known = asks.get(Number(value.sequence));
    if (!known || known.storedIn > cut.sequence) return;
    const accepted = known.accepted ? { outcome: { sequence: value.sequence } } : {};
    open.push(
      create(OpenAskSchema, { sequence: value.sequence, ...(value.ask ? { ask: value.ask } : {}), ...accepted }),
    );
  };
  const turns = new Map<string, KeptTurn>();
  const turn = (value: KeptTurn) => {
    const run = value.ask?.run ?? value.ended?.run ?? '';
    const known = source.sensitive.get(run);
    if (!known) return;
    const {
      sequence: own,
      ask,
      ended,
    } = turns.get(run) ?? create(KeptTurnSchema, { sequence: BigInt(known.sequence) });
    const [words, end] = [value.ask ?? ask, value.ended ?? ended];
    turns.set(run, create(KeptTurnSchema, { sequence: own, ...(words && { ask: words }), ...(end && { ended: end }) }));
  };
  for await (const { sequence, record } of source.entries()) {
    if (sequence > cut.sequence) break;
    if (record.case === 'toolOutcome') outcome(record.value);
    else if (record.case === 'intent') intent(record.value);
    else if (record.case === 'ask') ask(create(OpenAskSchema, { sequence: BigInt(sequence), ask: record.value }));
    else if (record.case === 'sensitiveAsk') turn(create(KeptTurnSchema, { ask: record.value }));
    else if (record.case === 'sensitiveEnded') turn(create(KeptTurnSchema, { ended: record.value }));
    else if (record.case === 'toolRefused') {
      outcome(refusalAsOutcome(record.value, source.calls.get(record.value.idempotencyKey)?.expiresAt));
    } else if (record.case === 'checkpoint') {
      record.value.outcomes.forEach(outcome);
      record.value.intents.forEach(intent);
      record.value.asks.forEach(ask);
      record.value.sensitive.forEach(turn);
    }
  }
  for (const key of outcomes.keys()) intents.delete(key);
  const last = new Map(open.map((value) => [value.sequence, value]));
  const { calls } = source;
  const packed = pack(source.id, cut, anchor, session, calls, [
    ...[...outcomes.values()].map((value) => ({ list: 'outcomes' as const, value })),
    ...[...intents.values()].map((value) => ({ list: 'intents' as const, value })),
    ...[...last.values()].map((value) => ({ list: 'asks' as const, value })),
    ...source.standing.list().map((value) => ({ list: 'standing' as const, value })),
    ...source.callGrants.kept(cut.sequence).map((value) => ({ list: 'callGrants' as const, value })),
    ...source.approvals.kept().map((value) => ({ list: 'approvals' as const, value })),
    ...source.changes.upTo(cut.sequence).map((value) => ({ list: 'changes' as const, value })),
    ...[...turns.values()].map((value) => ({ list: 'sensitive' as const, value })),
    ...source.owners.list().map((value) => ({ list: 'owners' as const, value })),
  ]);
  // A few numbers, for which each has room.
  packed[0]?.days.push(...source.days.upTo(cut.sequence).map((day) => create(DayEgressSchema, day)));
  return packed;
}

/** A refusal in the form of the other answers. */
export function refusalAsOutcome({ idempotencyKey, job, method, failure }: ToolRefused, expiresAt = 0): ToolOutcome {
  const value = failure ?? create(FailureSchema, { reason: 'INTERNAL', code: 13 });
  const result = { job, idempotencyKey, answer: { case: 'neverStarted' as const, value } };
  return create(ToolOutcomeSchema, { idempotencyKey, job, method, result, expireTime: timestampFromMs(expiresAt) });
}

type Item =
  | { readonly list: 'outcomes'; readonly value: ToolOutcome }
  | { readonly list: 'intents'; readonly value: Intent }
  | { readonly list: 'asks'; readonly value: OpenAsk }
  | { readonly list: 'standing'; readonly value: GrantMinted }
  | { readonly list: 'callGrants'; readonly value: KeptCallGrant }
  | { readonly list: 'approvals'; readonly value: KeptApproval }
  | { readonly list: 'changes'; readonly value: ChangeKept }
  | { readonly list: 'sensitive'; readonly value: KeptTurn }
  | { readonly list: 'owners'; readonly value: OwnerAdded };

function pack(
  id: string,
  cut: ChainHead,
  anchor: ChainHead | undefined,
  session: LastSession | undefined,
  calls: CallBook,
  items: readonly Item[],
): Checkpoint[] {
  const empty = () =>
    create(CheckpointSchema, {
      sequence: BigInt(cut.sequence),
      anchor: {
        journalId: id,
        sequence: BigInt(cut.sequence),
        headSha256: cut.hash,
        ...(anchor ? { anchoredSequence: BigInt(anchor.sequence), anchoredSha256: anchor.hash } : {}),
      },
      ...(calls.forgotten > 0 ? { forgottenExpireTime: timestampFromMs(calls.forgotten) } : {}),
      ...(session ? { sessionEpoch: session.epoch, resumeToken: session.resumeToken } : {}),
    });
  const result = [empty()];
  const room = MAX_RECORD_BYTES - 1024;
  let used = 0;
  for (const item of items) {
    const one = empty();
    put(one, item);
    const size = toBinary(CheckpointSchema, one).length;
    if (size > room)
      throw fixedLimit(
        'a record that must be kept',
        room,
        'begin a new journal with `bowline edge --new-journal`, and report this',
      );
    if (used + size > room) {
      result.push(empty());
      used = 0;
    }
    put(result.at(-1)!, item);
    used += size;
  }
  for (const settledKeys of calls.settledKeys(room - 1024))
    result.push(create(CheckpointSchema, { ...empty(), settledKeys }));
  return result;
}

function put(checkpoint: Checkpoint, item: Item): void {
  if (item.list === 'outcomes') checkpoint.outcomes.push(item.value);
  else if (item.list === 'intents') checkpoint.intents.push(item.value);
  else if (item.list === 'asks') checkpoint.asks.push(item.value);
  else if (item.list === 'callGrants') checkpoint.callGrants.push(item.value);
  else if (item.list === 'standing') checkpoint.standing.push(item.value);
  else if (item.list === 'changes') checkpoint.changes.push(item.value);
  else if (item.list === 'sensitive') checkpoint.sensitive.push(item.value);
  else if (item.list === 'approvals') checkpoint.approvals.push(item.value);
  else checkpoint.owners.push(item.value);
}
