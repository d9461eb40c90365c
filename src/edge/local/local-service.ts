// What the owner does on the box, method by method. Each is a thin answer from the room that knows it.
import { create } from '@bufbuild/protobuf';
import { type Timestamp, timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { ServiceImpl } from '@connectrpc/connect';
import {
  AcceptedSchema,
  AskRequestSchema,
  Connection,
  DayUseSchema,
  type GetStatusResponse,
  GetStatusResponseSchema,
  LedgerArchiveCheckSchema,
  type ListEgressRequest,
  type ListQueueRequest,
  RunEventSchema as LocalRunEventSchema,
  type LocalService,
  QueuedAskSchema,
} from '../../../gen/bowline/local/v1/local_pb.ts';
import { AppError } from '../../base/errors.ts';
import { isSensitiveId } from '../../base/ids.ts';
import type { LoopFigures } from '../../base/loop-watch.ts';
import { BUILD } from '../../base/version.ts';
import { toFailure } from '../../contract/errors.ts';
import { pageOf, pageSizeOf, readPlace, writePlace } from '../../contract/paging.ts';
import { filledText } from '../../contract/text/filled-text.ts';
import { turnsOf } from '../../contract/turns.ts';
import type { AskService } from '../asks/ask-service.ts';
import { datedSources } from '../asks/dated-sources.ts';
import { expiryOf, type MissedAsk, type OpenAsks, type UnansweredAsk } from '../asks/open-asks.ts';
import type { FateOf } from '../grants/since-added.ts';
import type { DayCap } from '../journal/day-cap.ts';
import { EgressGrounds } from '../journal/egress-grounds.ts';
import type { LedgerLine, LedgerPage, LedgerPlace } from '../journal/ledger-lines.ts';
import type { Entry, RecordInit } from '../journal/records.ts';
import type { StandingBook } from '../journal/standing-book.ts';
import type { ArchiveVerification, LedgerVerification } from '../journal/verify-ledger.ts';
import type { RefusalCount } from '../runner/refusal-counts.ts';
import type { SensitiveAsks } from '../sensitive/sensitive-asks.ts';
import type { ConnectionState, SessionStatus } from '../session/edge-session.ts';
import type { EdgeTime } from '../time/edge-time.ts';
import { type ApprovalMethodsDeps, approvalMethods } from './approval-methods.ts';
import { clockDoubt, clockView } from './clock-view.ts';
import { budgetWarnings, edgeConditions, freeOf } from './conditions.ts';
import { roomTold } from './day-room.ts';
import { type GrantMethodsDeps, grantMethods } from './grant-methods.ts';
import { type UndoMethodsDeps, undoMethods } from './undo-methods.ts';

export interface LocalDeps extends GrantMethodsDeps, ApprovalMethodsDeps, UndoMethodsDeps {
  readonly device: string;
  readonly control: string;
  readonly asks: AskService;
  /** Those that are answered on this box. */
  readonly sensitive: SensitiveAsks;
  readonly open: OpenAsks;
  readonly status: () => SessionStatus;
  /** What became of the file of a document since it was added. */
  readonly fateOf: FateOf;
  readonly ledger: { ledger(page: LedgerPage): LedgerLine[] | Promise<LedgerLine[]> };
  readonly journal: LocalJournal;
  /** Folder of the journal. */
  readonly folder: string;
  readonly summaries: { get(conversation: string): Promise<{ run: string; text: string } | undefined> };
  /** What may be read now, and why nothing may be done if the configuration cannot be used. */
  readonly permissions: () => {
    readonly roots: readonly { readonly name: string; readonly path: string }[];
    readonly problem: AppError | undefined;
  };
  readonly toolCalls: () => number;
  readonly day: Pick<DayCap, 'use'>;
  /** Refused tool calls since the start. */
  readonly refusals: () => readonly RefusalCount[];
  readonly turns: () => LoopFigures;
  /** Requests that failed in a way that was not expected. */
  readonly faults: () => number;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
}

export interface LocalJournal {
  readonly id: string;
  readonly bytes: number;
  readonly head: { readonly hash: Uint8Array };
  readonly standing: Pick<StandingBook, 'get' | 'list'>;
  readonly time: EdgeTime;
  /** Why it took nothing the last time it was asked. */
  readonly refused: AppError | undefined;
  now(): number;
  append(records: readonly RecordInit[]): Promise<number>;
  resetClock(): Promise<void>;
  verify(): Promise<LedgerVerification>;
  entries(): AsyncIterable<Entry>;
}

const CONNECTIONS: Readonly<Record<ConnectionState, Connection>> = {
  connected: Connection.CONNECTED,
  connecting: Connection.CONNECTING,
  offline: Connection.OFFLINE,
  superseded: Connection.SUPERSEDED,
  quarantined: Connection.QUARANTINED,
};

const PAGE = 100;
/** More would be a long turn of the event loop on a tiny box. */
const MAX_PAGE = 250;

/** Sequences in the order of their text. */
const placeKey = (sequence: number): string => String(sequence).padStart(16, '0');

/** One page of the asks that have no answer yet, and of those that never will. */
function queueOf(open: OpenAsks, request: ListQueueRequest) {
  const all: readonly (UnansweredAsk | MissedAsk)[] = [...open.all(), ...open.missed()];
  const { items, nextPageToken } = pageOf(all, ({ sequence }) => placeKey(sequence), request, MAX_PAGE);
  const asks = items.flatMap((item) => {
    if (!item.record.ask) return [];
    const { run, conversation, text, createTime } = item.record.ask;
    const known = { run, conversation, text, ...(createTime && { createTime }) };
    if (!('accepted' in item))
      return [create(QueuedAskSchema, { ...known, ...(item.failure && { failure: item.failure }) })];
    return [
      create(QueuedAskSchema, {
        ...known,
        ...expireTimeOf(item),
        sent: item.accepted,
        cancelling: item.cancel !== undefined,
      }),
    ];
  });
  return { asks, nextPageToken };
}

function expireTimeOf(ask: UnansweredAsk | undefined): { expireTime?: Timestamp } {
  const end = ask && expiryOf(ask);
  return end === undefined ? {} : { expireTime: timestampFromMs(end) };
}

/** One page of what left the box, newest first. */
async function egressOf(ledger: LocalDeps['ledger'], { run, pageSize, pageToken }: ListEgressRequest) {
  const limit = pageSizeOf(pageSize, PAGE, MAX_PAGE);
  const place = readPlace(pageToken);
  const before = place === undefined ? undefined : placeOf(place);
  const rows = await ledger.ledger({ limit, ...(run !== '' && { run }), ...(before && { before }) });
  const last = rows.length === limit ? rows.at(-1) : undefined;
  return {
    entries: rows.map((row) => row.egress),
    nextPageToken: last ? writePlace(`${last.sequence}.${last.line}`) : '',
  };
}

export function localService(deps: LocalDeps): ServiceImpl<typeof LocalService> {
  const { asks, sensitive, open, journal } = deps;
  let verifying: ReturnType<LocalJournal['verify']> | undefined;

  /** The events of a run until its end, the caller's leave, or ours. */
  async function* follow(run: string, caller: AbortSignal) {
    const either = AbortSignal.any([caller, deps.closing]);
    const events = isSensitiveId(run) ? sensitive.follow(run, either) : asks.follow(run, either);
    for await (const event of datedSources(events, deps.fateOf)) yield { event: roomTold(deps.day, event) };
    if (deps.closing.aborted) throw new AppError('CLOSED', { what: 'this edge (the run goes on)' });
  }

  return {
    async *ask(request, { signal }) {
      if (sensitive.takes(request)) {
        const { expiresAt, ...asked } = await sensitive.ask(request);
        const expireTime = expiresAt === undefined ? {} : { expireTime: timestampFromMs(expiresAt) };
        const accepted = create(AcceptedSchema, { ...asked, ...expireTime, answeredBy: sensitive.answeredBy });
        yield { event: create(LocalRunEventSchema, { event: { case: 'accepted', value: accepted } }) };
        yield* follow(asked.run, signal);
        return;
      }
      const prepared = await asks.prepare(request, signal).catch(orCancelled(signal));
      try {
        const { shared } = prepared;
        if (shared) yield { event: create(LocalRunEventSchema, { event: { case: 'shared', value: shared } }) };
        const asked = await prepared.commit().catch(orCancelled(signal));
        const warnings = budgetWarnings(deps.status().conditions);
        const accepted = create(AcceptedSchema, { ...asked, ...expireTimeOf(open.get(asked.run)), warnings });
        yield { event: create(LocalRunEventSchema, { event: { case: 'accepted', value: accepted } }) };
        yield* follow(accepted.run, signal);
      } finally {
        prepared.discard();
      }
    },
    async previewShares({ shares }, { signal }) {
      const request = create(AskRequestSchema, { text: '-', shares });
      const prepared = await asks.prepare(request, signal).catch(orCancelled(signal));
      prepared.discard();
      // Its grant is gone already.
      return prepared.shared ? { shared: { ...prepared.shared, grant: '' } } : {};
    },
    async *follow({ run }, { signal }) {
      yield* follow(run, signal);
    },
    async cancel({ run }) {
      await (isSensitiveId(run) ? sensitive : asks).cancel(run);
      return {};
    },
    async listSensitive(request) {
      const { items, nextPageToken } = await sensitive.list(request);
      return { turns: items, nextPageToken };
    },
    listQueue: (request) => queueOf(open, request),
    listEgress: (request) => egressOf(deps.ledger, request),
    async explainEgress(request) {
      const grounds = new EgressGrounds(request);
      for await (const { record } of journal.entries()) grounds.see(record);
      return grounds.told;
    },
    async verifyJournal() {
      verifying ??= journal.verify().finally(() => {
        verifying = undefined;
      });
      const { ok, records, segments, firstBad, ledger } = await verifying;
      return {
        ok,
        records: BigInt(records),
        segments,
        journalId: journal.id,
        headSha256: journal.head.hash,
        problem: firstBad ? `${firstBad.file} at ${firstBad.offset}: ${firstBad.problem}` : '',
        ...(ledger && { ledger: archiveCheckOf(ledger) }),
      };
    },
    getSummary: async ({ conversation }) => {
      const known = await deps.summaries.get(conversation);
      if (!known) throw new AppError('NOT_FOUND', { kind: 'summary' });
      const { run } = known;
      return { run, text: await filledText(known.text, (marks) => asks.factsOf({ run, conversation }, marks)) };
    },
    async getFacts({ run, conversation, marks }) {
      const facts = await asks.factsOf({ run, conversation }, marks);
      return { facts: [...facts].map(([mark, text]) => ({ mark, text })) };
    },
    ...approvalMethods(deps),
    ...grantMethods(deps),
    ...undoMethods(deps),
    getStatus: () => statusOf(deps),
    getClock: () => ({ clock: clockView(journal.time) }),
    async resetClock() {
      await journal.resetClock();
      return { clock: clockView(journal.time) };
    },
  };
}

/** What ends because its caller went is no fault. */
const orCancelled =
  (signal: AbortSignal) =>
  (error: unknown): never => {
    throw signal.aborted ? new AppError('CANCELED', {}, { cause: error }) : error;
  };

function statusOf(deps: LocalDeps): GetStatusResponse {
  const status = deps.status();
  const { connection, problem, model, deviceName } = status;
  const doubt = clockDoubt(deps.journal.time);
  const { roots, problem: unusable } = deps.permissions();
  return create(GetStatusResponseSchema, {
    device: deps.device,
    deviceName,
    control: deps.control,
    connection: CONNECTIONS[connection],
    ...(problem && { problem: toFailure(problem) }),
    ...(model && { model }),
    roots: roots.map(({ name, path }) => `${name} (${path})`),
    waitingAsks: deps.open.size,
    toolCalls: BigInt(deps.toolCalls()),
    residentBytes: BigInt(process.memoryUsage.rss()),
    journalBytes: BigInt(deps.journal.bytes),
    build: BUILD,
    startTime: timestampFromMs(deps.startedAt),
    ...(doubt && { clockDoubt: toFailure(doubt) }),
    refusedCalls: deps.refusals().map(({ why, count, lastAt }) => ({
      why,
      count: BigInt(count),
      lastTime: timestampFromMs(lastAt),
    })),
    turns: turnsOf(deps.turns()),
    conditions: edgeConditions({
      status,
      journal: deps.journal.refused,
      disk: freeOf(deps.folder),
      asks: { open: deps.open.size, most: deps.asks.most },
      clock: doubt,
      config: unusable,
    }),
    requestFaults: BigInt(deps.faults()),
    pendingApprovals: deps.desk.pending,
    egressToday: todayOf(deps.day),
    sensitiveAnsweredBy: deps.sensitive.answeredBy,
  });
}

function todayOf({ use: { bytes, limit, until } }: Pick<DayCap, 'use'>) {
  return create(DayUseSchema, {
    bytes: BigInt(bytes),
    limitBytes: BigInt(limit),
    endTime: timestampFromMs(until),
  });
}

const archiveCheckOf = ({ firstSequence, lastSequence, lines, bytes, droppedLines, segments }: ArchiveVerification) =>
  create(LedgerArchiveCheckSchema, {
    firstSequence: BigInt(firstSequence),
    lastSequence: BigInt(lastSequence),
    lines,
    bytes,
    droppedLines,
    segments,
  });

function placeOf(token: string): LedgerPlace {
  const match = /^(\d{1,15})\.(\d{1,6})$/.exec(token);
  if (!match) throw new AppError('INVALID_ARGUMENT', { what: 'this page token was not made here' });
  return { sequence: Number(match[1]), line: Number(match[2]) };
}
