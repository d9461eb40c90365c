// Connections to Redis: makes them, waits for the server at start, keeps them alive. Knows nothing of queues and topics.
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { fullJitter } from '../../base/backoff.ts';
import { type Clock, sleep } from '../../base/clock.ts';
import { AppError } from '../../base/errors.ts';
import type { RedisTarget } from './redis-options.ts';

/** One server (or the master that Sentinels name), or a cluster. */
export type RedisClient = Redis | Cluster;

type Options = RedisOptions & { replyMapping: 'legacy' };

/**
 * Options that keep every call short: nothing is queued while there is no connection, nothing is sent twice after one broke,
 * and a socket that owes an answer for `silentMs` is given up. (ioredis by default waits and repeats without an end.)
 */
function common(target: RedisTarget, silentMs: number, name: string): Options {
  return {
    replyMapping: 'legacy',
    ...(target.username ? { username: target.username } : {}),
    ...(target.password ? { password: target.password } : {}),
    ...(target.tls ? { tls: { ...target.tls } } : {}),
    db: target.db,
    connectionName: `bowline:${name}`,
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: silentMs,
    // A dead server never closes its side; without it a shutdown waits for two seconds.
    disconnectTimeout: 500,
    socketTimeout: silentMs,
    keepAlive: 10_000,
    // Waiting for a server that loads its data is the retry's business.
    maxLoadingRetryTime: 1_000,
    retryStrategy,
    // After a failover the old master says so; its successor has the name by then.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  };
}

const retryStrategy = (times: number) => 50 + fullJitter(times, 100, 2_000);

/** The connection for commands. */
export function commandClient(target: RedisTarget, silentMs: number): RedisClient {
  const options = common(target, silentMs, 'commands');
  if (target.kind !== 'cluster') return new Redis({ ...options, ...placeOf(target) });
  const { retryStrategy: _, ...redisOptions } = options;
  return new Cluster([...target.addresses], {
    enableOfflineQueue: false,
    lazyConnect: true,
    enableAutoPipelining: true,
    clusterRetryStrategy: retryStrategy,
    maxRedirections: 8,
    slotsRefreshTimeout: silentMs,
    // Names stay names: a certificate is for the name of a node, not for its address.
    dnsLookup: (address, callback) => callback(null, address),
    redisOptions,
  });
}

/**
 * The connection for subscriptions. In a cluster any node carries them all, so one plain connection to some node is enough;
 * after a loss it tries the next one. (The cluster client of ioredis changes nodes without telling, so that what was missed in
 * between would stay unnoticed.)
 */
export function subscriberClient(target: RedisTarget, silentMs: number): Redis {
  const options = { ...common(target, silentMs, 'subscriber'), autoResubscribe: false };
  if (target.kind !== 'cluster') return new Redis({ ...options, ...placeOf(target) });
  const [first] = target.addresses;
  const client: Redis = new Redis({
    ...options,
    ...first,
    retryStrategy: (times) => {
      Object.assign(client.options, target.addresses[times % target.addresses.length]);
      return retryStrategy(times);
    },
  });
  return client;
}

export interface SharedWrite {
  /** Call it before sending commands: they leave with all others of this turn of the event loop. */
  readonly hold: () => void;
  /** Calls `run` when everything of this turn was sent; what it sends leaves with it, in the same write and behind it. */
  readonly atEnd: (run: () => void) => void;
}

/**
 * Lets the commands of one turn of the event loop leave in one write. (Measured: ioredis' own autopipelining builds an object
 * of all its commands for each turn, which at one job in flight doubles the CPU time of a job.) A cluster's client, with a
 * socket per node, has the autopipelining.
 */
export function sharedWrite(client: RedisClient): SharedWrite {
  let ends: (() => void)[] = [];
  let held = false;
  const hold = () => {
    if (held) return;
    held = true;
    const stream = client instanceof Cluster || client.status !== 'ready' ? undefined : client.stream;
    stream?.cork();
    setImmediate(() => {
      const runs = ends;
      ends = [];
      for (const run of runs) run();
      held = false;
      stream?.uncork();
    });
  };
  return {
    hold,
    atEnd: (run) => {
      hold();
      ends.push(run);
    },
  };
}

function placeOf(target: RedisTarget): Omit<RedisOptions, 'replyMapping'> {
  if (target.kind === 'single') return { ...target.addresses[0] };
  return {
    sentinels: [...target.addresses],
    ...(target.master === undefined ? {} : { name: target.master }),
    ...(target.tls ? { enableTLSForSentinelMode: true, sentinelTLS: target.tls } : {}),
    // As the default user; one without a password takes any.
    ...(target.password ? { sentinelPassword: target.password } : {}),
    sentinelRetryStrategy: retryStrategy,
  };
}

export interface WaitOptions {
  readonly where: string;
  readonly clock: Clock;
  /** Called once per change of the problem. */
  readonly onWaiting?: ((problem: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Connects, waiting for as long as nothing answers. Throws REDIS_UNUSABLE when the server answers and will not have us,
 * CANCELED when the signal aborts.
 */
export async function redisConnected(
  client: RedisClient,
  { where, clock, onWaiting, signal }: WaitOptions,
): Promise<void> {
  let told: string | undefined;
  let last: unknown;
  const note = (error: unknown) => {
    last = error;
  };
  client.on('error', note);
  // A cluster tells the trouble of its nodes apart.
  client.on('node error', note);
  try {
    for (;;) {
      const error = await attempt(client);
      if (error === undefined) return;
      const cause = hopeless(error) ? error : (last ?? error);
      const problem = redisProblem(cause);
      if (hopeless(cause)) throw new AppError('REDIS_UNUSABLE', { where, problem }, { cause });
      if (problem !== told) onWaiting?.(problem);
      told = problem;
      if (signal?.aborted) throw new AppError('CANCELED');
      await sleep(clock, 100 + Math.random() * 200, signal);
      if (signal?.aborted) throw new AppError('CANCELED');
    }
  } finally {
    client.off('error', note);
    client.off('node error', note);
  }
}

async function attempt(client: RedisClient): Promise<unknown> {
  try {
    if (client.status === 'wait' || client.status === 'end') await client.connect();
    await client.ping();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** The trouble in words, without anything secret. */
export function redisProblem(error: unknown): string {
  if (!(error instanceof Error)) return 'an unknown error';
  const node = (error as { lastNodeError?: unknown }).lastNodeError;
  if (node instanceof Error) return redisProblem(node);
  const text = error.message || (error as { code?: string }).code || error.name;
  if (/enableOfflineQueue/.test(text)) return 'there is no connection';
  if (/MaxRetriesPerRequest|max retries per request/i.test(text)) return 'the connection broke';
  return text.split('\n')[0]?.slice(0, 200) ?? '';
}

// The server answered and will never have us, or what stands between us is set up wrong.
function hopeless(error: unknown): boolean {
  const code = String((error as { code?: unknown } | null)?.code ?? '');
  return (
    /WRONGPASS|NOAUTH|NOPERM|invalid password|DB index is out of range|wrong version number|certificate|unknown command/i.test(
      redisProblem(error),
    ) || /^(CERT_|ERR_TLS|ERR_SSL|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_)/.test(code)
  );
}
