// Composes the edge from its rooms and starts it. Everything is passed in here; nothing is looked up elsewhere.
import { existsSync, realpathSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { GrantedFile } from '../../gen/bowline/journal/v1/journal_pb.ts';
import { LocalService } from '../../gen/bowline/local/v1/local_pb.ts';
import type { Clock } from '../base/clock.ts';
import { controlUrl } from '../base/control-url.ts';
import { AppError } from '../base/errors.ts';
import { homePaths } from '../base/home.ts';
import { lockHome } from '../base/home-lock.ts';
import { newId } from '../base/ids.ts';
import { Lifecycle } from '../base/lifecycle.ts';
import type { Logger } from '../base/logger.ts';
import { makeFolder } from '../base/make-folder.ts';
import { proxyFor } from '../base/proxies.ts';
import { sparing } from '../base/sparing-logger.ts';
import { RequestFaults } from '../base/stray-errors.ts';
import { watchTurns } from '../base/turn-watch.ts';
import { BUILD } from '../base/version.ts';
import { Allowlist } from '../edge/allowlist/allowlist.ts';
import { AskFeed } from '../edge/asks/ask-feed.ts';
import { AskService } from '../edge/asks/ask-service.ts';
import { OpenAsks } from '../edge/asks/open-asks.ts';
import type { EdgeOptions } from '../edge/commands.ts';
import { type EdgeConfig, loadEdgeConfig } from '../edge/config.ts';
import { Gate } from '../edge/egress/gate.ts';
import { grantDocuments } from '../edge/grants/grant-documents.ts';
import { Grants } from '../edge/grants/grants.ts';
import { OwnRuns } from '../edge/grants/own-runs.ts';
import { ShareResolver } from '../edge/grants/share-resolver.ts';
import { collectionsOf } from '../edge/grants/standing-grants.ts';
import { type Identity, journalBinding, readIdentity, writeJournalId } from '../edge/identity.ts';
import { ConversationSummaries } from '../edge/index/conversation-summaries.ts';
import { OnDemandIndex } from '../edge/index/on-demand-index.ts';
import { sqlWasm } from '../edge/index/sql-wasm.ts';
import { wholeLedger } from '../edge/index/whole-ledger.ts';
import { type JoinLine, join as joinControl } from '../edge/join.ts';
import { openBlobs } from '../edge/journal/blobs.ts';
import { type EdgeJournal, openEdgeJournal } from '../edge/journal/edge-journal.ts';
import { mustHold } from '../edge/journal/known-journal.ts';
import { nodeFs } from '../edge/journal/node-fs.ts';
import { setJournalAside } from '../edge/journal/set-aside.ts';
import { LocalServer } from '../edge/local/local-server.ts';
import { localService } from '../edge/local/local-service.ts';
import { ownerKey } from '../edge/local/owner-key.ts';
import { RefusedAttempts } from '../edge/runner/free-keys.ts';
import { InHand, machineBoot } from '../edge/runner/in-hand.ts';
import { ToolRunner } from '../edge/runner/runner.ts';
import { Suspects } from '../edge/runner/suspects.ts';
import { EdgeSession, type EdgeSessionDeps } from '../edge/session/edge-session.ts';
import { edgeManifest } from '../edge/session/manifest.ts';
import { sessionJournal } from '../edge/session/session-journal.ts';
import { restoreOrigins } from '../edge/tools/restore-origins.ts';
import { findIsolation } from '../edge/tools/shell/isolation.ts';
import { toolset } from '../edge/tools/toolset.ts';

export interface StartEdge extends Pick<EdgeOptions, 'home' | 'control' | 'allow' | 'name'> {
  /** Begin a new journal; the one that is there is set aside. */
  readonly newJournal?: boolean;
  /** Join with this line first. */
  readonly line?: JoinLine | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** How long it waits before it dials again; by default as the session says. */
  readonly waits?: Pick<NonNullable<EdgeSessionDeps['options']>, 'backoffBaseMs' | 'backoffCapMs' | 'refusedMs'>;
  /** The process must end at once: what is in memory may not be on the disk. */
  readonly onFatal: (error: AppError) => void;
  /** Told what the owner must mend before it can connect. */
  readonly onRefused?: (error: AppError) => void;
}

export interface RunningEdge {
  readonly device: string;
  readonly name: string;
  readonly home: string;
  readonly socket: string;
  /** Ends everything in order within the deadline; true when all ended in time. */
  stop(deadlineMs: number): Promise<boolean>;
}

/** Twice as many bytes as are shared may leave under a share, because a model may read a file again. */
const READ_AGAIN = 2;
/** What is told beside the text of a shared file: its size, its lines, 8 bytes a number. */
const BESIDE_BYTES = 1024;
/** Hello lists every open run, at most so many. */
const MAX_ASKS = 256;

/** Opens the home, rebuilds what the journal tells, listens on the owner's socket and dials. Throws what stands in the way. */
export async function startEdge(options: StartEdge): Promise<RunningEdge> {
  const { home, clock, log } = options;
  const paths = homePaths(home);
  const life = new Lifecycle(log);
  try {
    const lock = lockHome(home, 'edge');
    life.onStop('home lock', () => lock.release());
    const config = loadEdgeConfig(paths.config, { allow: options.allow });
    const identity = await identityOf(options, config);
    const bootId = newId();
    const key = await ownerKey(paths.ownerKey);

    const { journal, open, ownRuns, suspects, refused } = await journalOf(options, identity, config);
    life.onStop('journal', () => journal.close());
    await journal.append([{ case: 'started', value: { bootId, build: BUILD } }]);
    const index = new OnDemandIndex({
      load: async () => (await import('../edge/index/sql-js.ts')).loadSqlJs(sqlWasm()),
      path: paths.index,
      journal,
      clock,
      log,
    });
    journal.follow(index);
    life.onStop('index', () => index.close());

    const conversations = new ConversationSummaries({ path: paths.summaries, log });
    const grants = new Grants({ clock, log, journal, lifeMs: config.limits.share_minutes * 60_000 });
    grants.endEarlier(ownRuns.openGrants);
    const gate = new Gate(grants);
    const allow = new Allowlist(config, denied(paths.home, paths.socket));
    const { limits } = config;
    const isolated = config.execute.some((entry) => entry.isolation === 'auto');
    const isolation = isolated ? await findIsolation(home, config.commandUid) : undefined;
    if (isolated && !isolation)
      log.warn('nothing here keeps a command apart from the home and from other commands: they are refused', {
        remedy: 'install bubblewrap, or run the edge as root with setpriv and unshare',
      });
    const tools = toolset({
      allow,
      grants,
      ownRuns,
      limits,
      clock,
      now: () => journal.now(),
      isolation,
    });
    const blobs = await openBlobs(paths.blobs);
    const inHand = new InHand(paths.inHand, machineBoot());
    life.onStop('calls in hand', async () => inHand.close());
    if (inHand.damaged)
      log.warn('which calls were at work when the edge ended last could not be read; one that ended it may run again', {
        file: paths.inHand,
      });
    const runner = new ToolRunner({
      journal,
      gate,
      tools,
      blobs,
      bootId,
      inHand,
      suspects,
      refused,
      limits,
      clock,
      log,
      restore: restoreOrigins(config.execute),
    });
    const { unknown, free, failed } = await runner.recover();
    if (unknown > 0) log.warn('tool calls of an earlier start have no known outcome', { calls: unknown });
    if (free > 0)
      log.warn('the start before ended while these calls were looked at; nothing happened', { calls: free });
    if (failed > 0)
      log.warn('the start before ended while these calls were at work; they are not run again', { calls: failed });

    const shareResolver = new ShareResolver(allow, limits);
    let session: EdgeSession | undefined;
    const asks = new AskService({
      journal,
      open,
      clock,
      log,
      shares: {
        resolve: (wishes, left) => shareResolver.resolve(wishes, { left }, { text: true }),
        mint: (share) => grants.mintShare({ ...share, capBytes: capOf(share.files) }),
        drop: ({ id }) => grants.end(id, 'REVOKED'),
        endRun: (run) => grants.endRun(run, 'ANSWERED'),
      },
      ledger: {
        ofRun: async (run, limit) => {
          const rows = await index.ask((known) => known.ledger({ run, limit }));
          return rows.map(({ egress }) => egress).reverse();
        },
      },
      archive: {
        run: (run) => index.ask((known) => known.run(run)),
        runOfRequest: (id) => index.ask((known) => known.runOfRequest(id)),
      },
      model: () => session?.status.model,
      collections: (wanted, reader) => collectionsOf(journal.standing.list(), wanted, reader),
      limits: { openAsks: Math.min(limits.asks, MAX_ASKS) },
    });
    asks.start();
    life.onStop('asks', () => asks.stop());
    session = new EdgeSession({
      identity,
      gate,
      runner,
      asks,
      feed: new AskFeed(journal, open, asks.views, (event) => gate.admitAsk(event)),
      clock,
      log,
      journal: sessionJournal(journal),
      manifest: edgeManifest(
        tools.map(({ method }) => method),
        config,
      ),
      bootId,
      onSummary: (summary) => void conversations.put(summary),
      onModel: (model) => grants.knowLocal(model.provider, model.local),
      onQuarantined: () => {
        grants.endAll('QUARANTINED');
        endStanding(journal, log);
      },
      ...(options.onRefused ? { onRefused: options.onRefused } : {}),
      options: { maxFrameBytes: limits.frame_bytes, ...options.waits },
    });
    const live = session;
    life.onStop('session', () => live.stop());
    life.onStop('tool calls', async () => void (await runner.drain(4_000)));

    const closing = new AbortController();
    const faults = new RequestFaults(log);
    const turns = watchTurns(sparing(log, clock));
    life.onStop('turn watch', () => turns.stop());
    const service = localService({
      summaries: conversations,
      device: identity.device,
      control: identity.control,
      asks,
      open,
      status: () => live.status,
      grants,
      grantDocuments: (request) =>
        grantDocuments(
          {
            standing: () => journal.standing.list(),
            journal,
            resolve: (wishes, report) => shareResolver.resolve(wishes, report),
            model: () => live.status.model,
          },
          request,
        ),
      ledger: wholeLedger(index, journal),
      journal,
      roots: allow.readable,
      toolCalls: () => runner.calls,
      refusals: () => runner.refusals.list(),
      turns: () => turns.figures,
      faults: () => faults.count,
      startedAt: clock.now(),
      closing: closing.signal,
    });
    const local = await LocalServer.listen({
      socket: paths.socket,
      ownerKey: key,
      ownerKeyFile: paths.ownerKey,
      routes: (router) => router.service(LocalService, service),
      log,
      faults,
    });
    life.onStop('owner socket', () => {
      closing.abort();
      return local.close(500);
    });
    session.start();
    log.info('the edge runs', { device: identity.device, home, asks: open.size });
    return {
      device: identity.device,
      name: identity.name,
      home,
      socket: paths.socket,
      stop: (deadlineMs) => life.stop(deadlineMs),
    };
  } catch (error) {
    await life.stop(5_000);
    throw error;
  }
}

/**
 * Who this box is, and where it dials: the flag, else config.yaml, else where it joined. Throws NOT_JOINED, and USAGE where the
 * environment names what is no proxy.
 */
async function identityOf(options: StartEdge, config: EdgeConfig): Promise<Identity> {
  const { home, line, log } = options;
  const file = homePaths(home).device;
  const name = options.name ?? config.name;
  if (line) log.info('joining a control plane', { control: line.url });
  const identity = line ? await joinControl({ file, home, line, name }) : await readIdentity(file);
  if (!identity) throw new AppError('NOT_JOINED', { home });
  const control = options.control ?? (config.control === undefined ? undefined : controlUrl(config.control));
  const found = control === undefined ? identity : { ...identity, control };
  proxyFor(new URL(found.control), process.env);
  return found;
}

/**
 * The journal of this identity, which the device file then names. One of another device or control plane is set aside, and nothing of it
 * is sent again. @throws JOURNAL_MISSING when the device file names one that is not there
 */
async function journalOf(options: StartEdge, identity: Identity, config: EdgeConfig) {
  const { home } = options;
  const paths = homePaths(home);
  if (options.newJournal) await setAside(options, 'the owner begins a new journal; what was there is set aside');
  else await mustHold(nodeFs, paths.journal, identity.journal, home);
  const opened = await openOwn(options, identity, config);
  try {
    await writeJournalId(paths.device, opened.journal.id);
  } catch (error) {
    await opened.journal.close();
    throw error;
  }
  return opened;
}

async function openOwn(options: StartEdge, identity: Identity, config: EdgeConfig) {
  try {
    return await openFolded(options, identity, config);
  } catch (error) {
    if (!(error instanceof AppError) || error.reason !== 'JOURNAL_FOREIGN') throw error;
    await setAside(
      options,
      'the journal belonged to another device or control plane; it was set aside, nothing of it is sent',
    );
    return openFolded(options, identity, config);
  }
}

/** Renames the folder of the journal, if there is one, and says so. */
async function setAside({ home, clock, log }: StartEdge, why: string): Promise<void> {
  const paths = homePaths(home);
  await rm(paths.index, { force: true });
  if (!existsSync(paths.journal)) return;
  log.warn(why, { aside: await setJournalAside(paths.journal, clock) });
}

/** Opens the journal with new folds: what was folded of a journal that was then refused is forgotten. */
async function openFolded({ home, clock, log, onFatal }: StartEdge, identity: Identity, config: EdgeConfig) {
  const [open, ownRuns, suspects] = [new OpenAsks(), new OwnRuns(), new Suspects()];
  const refused = new RefusedAttempts();
  const journal = await openEdgeJournal(homePaths(home).journal, {
    clock,
    log,
    onFatal,
    maxBytes: config.limits.journal_bytes,
    ledger: { maxBytes: config.limits.ledger_bytes, whenFull: config.ledgerFull },
    calls: callLimits(config.limits),
    binding: journalBinding(identity),
    folds: [open, ownRuns, suspects, refused],
  });
  return { journal, open, ownRuns, suspects, refused };
}

/** A journal that forked is another box's too: what it granted is granted no more. */
function endStanding(journal: EdgeJournal, log: Logger): void {
  const ended = journal.standing
    .list()
    .map(({ id }) => ({ case: 'grantEnded' as const, value: { id, why: 'QUARANTINED' } }));
  if (ended.length === 0) return;
  journal.append(ended).catch((error: unknown) => log.error('standing grants could not be ended', error));
}

/** Real paths that no configuration opens: the home with its keys, the folder of the socket, the program itself. */
function denied(home: string, socket: string): string[] {
  makeFolder(dirname(socket));
  const program = process.argv[1];
  return [home, dirname(socket), ...(program === undefined ? [] : [dirname(program)])].map((path) =>
    realpathSync(path),
  );
}

/** A settled key takes 29 bytes of a checkpoint, and checkpoints must leave most of a small journal free. */
const callLimits = ({ tool_calls, journal_bytes }: EdgeConfig['limits']) => ({
  maxSettled: Math.min(tool_calls, Math.floor(journal_bytes / 256)),
  maxKeys: tool_calls,
});

const capOf = (files: readonly GrantedFile[]): number => READ_AGAIN * bytesOf(files) + BESIDE_BYTES * files.length;
const bytesOf = (files: readonly GrantedFile[]): number => files.reduce((sum, file) => sum + Number(file.bytes), 0);
