// An edge without tools: real journal, asks and session over a temporary home, with grants and a gate that let all pass.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { AskRequestSchema, type RunEvent } from '../../../gen/bowline/local/v1/local_pb.ts';
import { ManifestSchema } from '../../../gen/bowline/manifest/v1/manifest_pb.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { newId } from '../../../src/base/ids.ts';
import { createLogger, type Logger } from '../../../src/base/logger.ts';
import { AskFeed } from '../../../src/edge/asks/ask-feed.ts';
import { type AskLimits, AskService } from '../../../src/edge/asks/ask-service.ts';
import { OpenAsks } from '../../../src/edge/asks/open-asks.ts';
import type { Shares } from '../../../src/edge/asks/ports.ts';
import { Gate } from '../../../src/edge/egress/gate.ts';
import { FactBook } from '../../../src/edge/facts/fact-book.ts';
import { Grants } from '../../../src/edge/grants/grants.ts';
import { collectionsOf } from '../../../src/edge/grants/standing-grants.ts';
import { journalBinding } from '../../../src/edge/identity/identity.ts';
import { join } from '../../../src/edge/identity/join.ts';
import { ConversationSummaries } from '../../../src/edge/index/conversation-summaries.ts';
import { openEdgeJournal } from '../../../src/edge/journal/edge-journal.ts';
import type { Entry } from '../../../src/edge/journal/records.ts';
import { EdgeSession, type EdgeSessionDeps } from '../../../src/edge/session/edge-session.ts';
import type { CallRunner } from '../../../src/edge/session/ports.ts';
import { sessionJournal } from '../../../src/edge/session/session-journal.ts';
import { roomyDay } from '../../support/roomy-day.ts';
import type { ScriptedControl } from './scripted-control.ts';

/** A temporary home; removed by `dispose`. */
export function tempHome(): { home: string; dispose: () => void } {
  const home = mkdtempSync(joinPath(tmpdir(), 'bowline-edge-'));
  return { home, dispose: () => rmSync(home, { recursive: true, force: true }) };
}

export const idleRunner: CallRunner = {
  handle: async () => {},
  cancel() {},
  openCalls: () => [],
  resend: async () => {},
  settled: async () => {},
};

export interface Parts {
  /** What the manifest tells. */
  readonly build?: () => string;
  readonly options?: EdgeSessionDeps['options'];
  readonly runner?: CallRunner;
  readonly limits?: Partial<AskLimits>;
  readonly connect?: boolean;
  readonly resolve?: Shares['resolve'];
  /** Called with each record when it is in the journal, before whoever wrote it is told. */
  readonly onEntry?: (entry: Entry) => void;
  readonly onSummary?: EdgeSessionDeps['onSummary'];
}

/** Log lines of the edge, newest last. */
export function memoryLog(): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  return { lines, log: createLogger('edge', { write: (line) => lines.push(line) }) };
}

export async function startEdge(home: string, control: ScriptedControl, parts: Parts = {}) {
  const { log, lines } = memoryLog();
  const line = { url: control.url, token: 'bwj_test-token', pin: control.publicKey };
  const now = () => systemClock.now();
  const { identity } = await join({ file: joinPath(home, 'device.json'), home, line, name: 'box', now });
  const open = new OpenAsks();
  const facts = new FactBook();
  const entries: Entry[] = [];
  const see = (entry: Entry) => {
    entries.push(entry);
    parts.onEntry?.(entry);
  };
  const journal = await openEdgeJournal(joinPath(home, 'journal'), {
    clock: systemClock,
    log,
    onFatal: (error) => {
      throw error;
    },
    binding: journalBinding(identity),
    folds: [open, facts, { apply: see }],
  });
  const ended: string[] = [];
  const grants = new Grants({ clock: systemClock, log, journal });
  const gate = new Gate(grants, roomyDay());
  const shares: Shares = {
    resolve: parts.resolve ?? (async () => []),
    mint: (grant) => grants.mintShare({ ...grant, capBytes: 1 << 20 }),
    pipe: async () => {
      throw new Error('nothing is piped in here');
    },
    drop: (run) => grants.endRun(run, 'REVOKED'),
    endRun: (run) => {
      ended.push(run);
      grants.endRun(run, 'ANSWERED');
    },
  };
  const ledger = {
    ofRun: (run: string) =>
      entries
        .flatMap(({ record }) => (record.case === 'ask' ? record.value.egress : []))
        .filter((line) => line.run === run),
  };
  const summaries = new ConversationSummaries({ path: joinPath(home, 'summaries.json'), log });
  let session: EdgeSession | undefined;
  const asks = new AskService({
    journal,
    open,
    shares,
    ledger,
    archive: { run: () => undefined, runOfRequest: () => undefined },
    facts,
    clock: systemClock,
    log,
    model: () => session?.status.model,
    collections: (wanted, reader) => collectionsOf(journal.standing.list(), wanted, reader),
    ...(parts.limits && { limits: parts.limits }),
  });
  asks.start();
  session = new EdgeSession({
    identity,
    gate,
    runner: parts.runner ?? idleRunner,
    owners: { begin: () => () => {}, take: async () => {} },
    asks,
    feed: new AskFeed(journal, open, asks.views, gate, grants),
    clock: systemClock,
    log,
    journal: sessionJournal(journal),
    manifest: () => create(ManifestSchema, { build: parts.build?.() ?? 'test' }),
    bootId: newId(),
    onSummary: parts.onSummary ?? ((summary) => summaries.put(summary)),
    options: { backoffBaseMs: 20, backoffCapMs: 50, refusedMs: 20, ...parts.options },
  });
  if (parts.connect !== false) session.start();
  return {
    identity,
    journal,
    open,
    asks,
    session,
    log,
    lines,
    entries,
    ended,
    grants,
    summaries,
    ledgerOf: ledger.ofRun,
    async ask(text: string, more: MessageInitShape<typeof AskRequestSchema> = {}) {
      const prepared = await asks.prepare(create(AskRequestSchema, { ...more, text }));
      return prepared.commit();
    },
    async stop() {
      await session?.stop();
      asks.stop();
      await journal.close();
    },
  };
}

export type TestEdge = Awaited<ReturnType<typeof startEdge>>;

/** Follows a run and collects what it says. */
export function follow(edge: TestEdge, run: string) {
  const events: RunEvent[] = [];
  const stop = new AbortController();
  const done = (async () => {
    for await (const event of edge.asks.follow(run, stop.signal)) events.push(event);
  })();
  return {
    events,
    done,
    stop: () => stop.abort(),
    /** The text as a client would show it. */
    text(): string {
      let shown = { key: '', text: '' };
      for (const { event } of events) {
        if (event.case !== 'text') continue;
        const key = `${event.value.job}#${event.value.epoch}`;
        const before =
          key === shown.key ? Buffer.from(shown.text).subarray(0, Number(event.value.offset)).toString() : '';
        shown = { key, text: before + event.value.text };
      }
      return shown.text;
    },
    outcome: () => events.flatMap(({ event }) => (event.case === 'ended' ? [event.value] : []))[0],
  };
}

/** Waits until something is so, at most ten seconds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`never so: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
