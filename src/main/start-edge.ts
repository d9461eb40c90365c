// Composes the edge of its parts (edge-parts/) and starts it. Everything is passed in here; nothing is looked up elsewhere.
import { sleep } from '../base/clock.ts';
import { homePaths } from '../base/home.ts';
import { lockHome } from '../base/home-lock.ts';
import { newId } from '../base/ids.ts';
import { Lifecycle } from '../base/lifecycle.ts';
import { loadEdgeConfig } from '../edge/config/edge-config.ts';
import { wideRoots } from '../edge/config/wide-roots.ts';
import { ConversationSummaries } from '../edge/index/conversation-summaries.ts';
import type { EdgeJournal } from '../edge/journal/edge-journal.ts';
import { ownerKey } from '../edge/local/home-owner-key.ts';
import { openSensitive } from '../edge/sensitive/open-sensitive.ts';
import type { EdgeSession, SessionStatus } from '../edge/session/edge-session.ts';
import { TelemetryBook } from '../edge/session/edge-telemetry.ts';
import { sessionJournal } from '../edge/session/session-journal.ts';
import type { EdgeGround, StartEdge } from './edge-parts/options.ts';
import { openOwnerSocket } from './edge-parts/owner-socket.ts';
import { startAsks } from './edge-parts/start-asks.ts';
import { identityOf } from './edge-parts/start-identity.ts';
import { startJournal } from './edge-parts/start-journal.ts';
import { openSession } from './edge-parts/start-session.ts';
import { openTools } from './edge-parts/tools.ts';

/** How long the first try to connect is waited for before anything else goes on. */
const FIRST_MS = 2_000;

export interface RunningEdge {
  readonly device: string;
  readonly name: string;
  readonly home: string;
  readonly socket: string;
  /** How it stands with the control plane after the first try, or when that takes longer than a moment. */
  first(): Promise<SessionStatus>;
  /** Ends everything in order within the deadline; true when all ended in time. */
  stop(deadlineMs: number): Promise<boolean>;
}

/** Opens the home, rebuilds what the journal tells, listens on the owner's socket and dials. Throws what stands in the way. */
export async function startEdge(options: StartEdge): Promise<RunningEdge> {
  const life = new Lifecycle(options.log);
  try {
    return await compose(options, life);
  } catch (error) {
    await life.stop(5_000);
    throw error;
  }
}

/** From the ground up: who it is, the journal, the tools, the asks, the session, and the socket last: then the owner may come. */
async function compose(options: StartEdge, life: Lifecycle): Promise<RunningEdge> {
  const { home, log } = options;
  const paths = homePaths(home);
  const lock = lockHome(home, 'edge');
  life.onStop('home lock', () => lock.release());
  const config = loadEdgeConfig(paths.config, {
    allow: options.allow,
    allowWrite: options.allowWrite ?? [],
    settings: options.settings ?? [],
  });
  for (const warning of wideRoots(config.roots, home)) options.say?.(warning);
  const identity = await identityOf(options, config);
  const first = { ...options, life, config, identity, bootId: newId() };
  const key = ownerKey(paths.ownerKey);

  const journaled = await startJournal(first);
  const ground = telling(first, journaled.journal);
  const conversations = new ConversationSummaries({ path: paths.summaries, log });
  const tools = await openTools(ground, journaled);
  let dialled: EdgeSession | undefined;
  const asks = startAsks(ground, journaled, tools, () => dialled?.status.model);
  const { asks: sensitive, stop } = openSensitive({
    ...journaled,
    tools: tools.permissions.boxTools,
    runner: tools.runnerParts,
    model: config.localModel && {
      entry: config.localModel,
      key: () => tools.secrets.reveal(config.localModel?.key ?? ''),
    },
    masker: () => tools.secrets.masker,
    clock: options.clock,
    log,
  });
  life.onStop('sensitive asks', stop);
  const session = openSession(ground, journaled, tools, asks, conversations);
  dialled = session;
  await openOwnerSocket(ground, journaled, tools, { ownerKey: key, asks, sensitive, session, conversations });
  session.start();
  log.info('the edge runs', { device: identity.device, home, asks: journaled.open.size });
  return {
    device: identity.device,
    name: identity.name,
    home,
    socket: paths.socket,
    first: async () => {
      const tried = new AbortController();
      await Promise.race([session.tried, sleep(options.clock, FIRST_MS, tried.signal)]);
      tried.abort();
      return session.status;
    },
    stop: (deadlineMs) => life.stop(deadlineMs),
  };
}

/** The same ground, where the owner lets the control plane be told of the work of this edge: then its log is listened to. */
function telling(ground: EdgeGround, journal: EdgeJournal): EdgeGround {
  if (ground.config.telemetry === 'none') return ground;
  const { leaves, now } = sessionJournal(journal);
  const telemetry = new TelemetryBook({ clock: ground.clock, leaves, now });
  return { ...ground, telemetry, log: telemetry.listeningTo(ground.log) };
}
