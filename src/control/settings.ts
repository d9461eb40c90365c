// The table of every setting of the control plane. Parsing, bounds, help and docs are made from it (config.ts, commands.ts,
// scripts/config-docs.ts); it does nothing itself.

export const GROUPS = {
  stores: 'Database and Redis',
  listen: 'Listening and logging',
  sessions: 'Sessions',
  work: 'Jobs and leases',
  runs: 'Runs',
} as const;

interface Common {
  /** The name everywhere: in the environment, in the file, for `--set`. */
  readonly env: string;
  readonly group: keyof typeof GROUPS;
  readonly what: string;
  /** A flag of its own, beside `--set`, with the name of its value: `--port <number>`. */
  readonly flag?: string;
}

export interface NumberSetting extends Common {
  readonly kind: 'number';
  readonly unit: 'ms' | 'bytes' | 'days' | 'count';
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
}

/** A text with a shape; without a fallback it may be absent. */
export interface TextSetting extends Common {
  readonly kind: 'text';
  readonly shape: RegExp;
  readonly like: string;
  readonly fallback: string | undefined;
}

export interface ChoiceSetting extends Common {
  readonly kind: 'choice';
  readonly of: readonly string[];
  readonly fallback: string;
}

/** 0 or 1; 0 by default. */
export interface SwitchSetting extends Common {
  readonly kind: 'switch';
}

/** `host:port`, several by commas. */
export interface AddressesSetting extends Common {
  readonly kind: 'addresses';
}

/** Never printed. `<env>_FILE` names a file that holds it. */
export interface SecretSetting extends Common {
  readonly kind: 'secret';
  readonly shape: RegExp;
  readonly like: string;
}

export type Setting = NumberSetting | TextSetting | ChoiceSetting | SwitchSetting | AddressesSetting | SecretSetting;

export const SETTINGS = {
  databaseUrl: {
    env: 'DATABASE_URL',
    group: 'stores',
    kind: 'secret',
    flag: '--database <url>',
    what: 'Postgres; without it the database is embedded in the home',
    shape: /^(postgres|postgresql):\/\/|^socket:/,
    like: 'postgres://user:password@host/name',
  },
  redisUrl: {
    env: 'REDIS_URL',
    group: 'stores',
    kind: 'secret',
    flag: '--redis <url>',
    what: 'Redis, for several replicas on one Postgres; without it queue and bus are in the memory of one replica',
    shape: /^rediss?:\/\/./,
    like: 'rediss://user:password@host:6379',
  },
  redisPrefix: {
    env: 'BOWLINE_REDIS_PREFIX',
    group: 'stores',
    kind: 'text',
    what: 'beginning of every key and channel in Redis; another one for each installation',
    shape: /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/,
    like: '1 to 63 letters, digits, - and _',
    fallback: 'bowline',
  },
  redisCa: {
    env: 'BOWLINE_REDIS_CA',
    group: 'stores',
    kind: 'text',
    what: 'file with the certificate authority of Redis (PEM); by default those of the system',
    shape: /^[^\0]{1,4096}$/,
    like: 'the path of a file',
    fallback: undefined,
  },
  redisInsecure: {
    env: 'BOWLINE_REDIS_INSECURE',
    group: 'stores',
    kind: 'switch',
    what: 'allow a Redis beyond this machine without TLS or without a password',
  },
  redisSentinels: {
    env: 'BOWLINE_REDIS_SENTINELS',
    group: 'stores',
    kind: 'addresses',
    what: 'Sentinels to ask for the master; user, password and TLS are those of REDIS_URL',
  },
  redisMaster: {
    env: 'BOWLINE_REDIS_MASTER',
    group: 'stores',
    kind: 'text',
    what: 'name of the master that the Sentinels watch',
    shape: /^[A-Za-z0-9._-]{1,128}$/,
    like: 'a name such as mymaster',
    fallback: undefined,
  },
  redisCluster: {
    env: 'BOWLINE_REDIS_CLUSTER',
    group: 'stores',
    kind: 'addresses',
    what: 'some nodes of a Redis Cluster; user, password and TLS are those of REDIS_URL',
  },
  maxConnections: {
    env: 'BOWLINE_DB_CONNECTIONS',
    group: 'stores',
    kind: 'number',
    unit: 'count',
    what: 'connections to Postgres, beside 2 for commits',
    fallback: 10,
    min: 1,
    max: 500,
  },
  statementTimeoutMs: {
    env: 'BOWLINE_DB_STATEMENT_TIMEOUT_MS',
    group: 'stores',
    kind: 'number',
    unit: 'ms',
    what: 'time of a statement, and of a transaction that does nothing',
    fallback: 30_000,
    min: 1_000,
    max: 600_000,
  },
  connectTimeoutMs: {
    env: 'BOWLINE_DB_CONNECT_TIMEOUT_MS',
    group: 'stores',
    kind: 'number',
    unit: 'ms',
    what: 'time until a connection to Postgres is open or free',
    fallback: 10_000,
    min: 100,
    max: 120_000,
  },
  inboxDays: {
    env: 'BOWLINE_INBOX_DAYS',
    group: 'stores',
    kind: 'number',
    unit: 'days',
    what: 'how long a repeated command is recognised',
    fallback: 30,
    min: 1,
    max: 3_650,
  },
  tlsCert: {
    env: 'BOWLINE_TLS_CERT',
    group: 'listen',
    kind: 'text',
    what: 'file with the certificate chain of the listener (PEM); with it all connections are TLS 1.3',
    shape: /^[^\0]{1,4096}$/,
    like: 'the path of a file',
    fallback: undefined,
  },
  tlsKey: {
    env: 'BOWLINE_TLS_KEY',
    group: 'listen',
    kind: 'text',
    what: 'file with the key of that certificate (PEM), mode 0600 or 0400',
    shape: /^[^\0]{1,4096}$/,
    like: 'the path of a file',
    fallback: undefined,
  },
  host: {
    env: 'BOWLINE_HOST',
    group: 'listen',
    kind: 'text',
    flag: '--host <address>',
    what: 'address to listen on; only loopback without TLS',
    shape: /^[A-Za-z0-9.:_-]{1,253}$/,
    like: 'an address such as 127.0.0.1',
    fallback: '127.0.0.1',
  },
  port: {
    env: 'BOWLINE_PORT',
    group: 'listen',
    kind: 'number',
    flag: '--port <number>',
    unit: 'count',
    what: 'port to listen on; 0 lets the system choose',
    fallback: 7420,
    min: 0,
    max: 65535,
  },
  logTo: {
    env: 'BOWLINE_LOG_TO',
    group: 'listen',
    kind: 'choice',
    of: ['file', 'stderr'],
    what: 'where the log goes: a file in the home that is rotated, or the standard error, for container runtimes',
    fallback: 'file',
  },
  logLevel: {
    env: 'BOWLINE_LOG_LEVEL',
    group: 'listen',
    kind: 'choice',
    what: 'least weight of what is logged',
    of: ['debug', 'info', 'warn', 'error'],
    fallback: 'info',
  },
  heartbeatMs: {
    env: 'BOWLINE_HEARTBEAT_MS',
    group: 'sessions',
    kind: 'number',
    unit: 'ms',
    what: 'time between heartbeats; two missed ones end a session',
    fallback: 10_000,
    min: 50,
    max: 300_000,
  },
  maxQueuedFrames: {
    env: 'BOWLINE_MAX_QUEUED_FRAMES',
    group: 'sessions',
    kind: 'number',
    unit: 'count',
    what: 'frames that wait for one slow peer',
    fallback: 4_096,
    min: 128,
    max: 1_000_000,
  },
  maxQueuedBytes: {
    env: 'BOWLINE_MAX_QUEUED_BYTES',
    group: 'sessions',
    kind: 'number',
    unit: 'bytes',
    what: 'payload that waits for one slow peer',
    fallback: 64 << 20,
    min: 1 << 20,
    max: 1 << 30,
  },
  maxInboundBytes: {
    env: 'BOWLINE_MAX_INBOUND_BYTES',
    group: 'sessions',
    kind: 'number',
    unit: 'bytes',
    what: 'what one edge has sent and the database has not taken yet; more is not read meanwhile',
    fallback: 32 << 20,
    min: 1 << 20,
    max: 1 << 30,
  },
  maxLiveBytes: {
    env: 'BOWLINE_MAX_LIVE_BYTES',
    group: 'sessions',
    kind: 'number',
    unit: 'bytes',
    what: 'messages kept of all calls that are streamed; what is beyond comes with the end of its call',
    fallback: 64 << 20,
    min: 1 << 20,
    max: 1 << 30,
  },
  maxPeers: {
    env: 'BOWLINE_MAX_CONNECTIONS',
    group: 'sessions',
    kind: 'number',
    unit: 'count',
    what: 'connections to the listener',
    fallback: 20_000,
    min: 4,
    max: 1_000_000,
  },
  maxStrangers: {
    env: 'BOWLINE_MAX_STRANGERS',
    group: 'sessions',
    kind: 'number',
    unit: 'count',
    what: 'connections that have shown no credential yet; each has two heartbeats for it, at least 2 s',
    fallback: 4_096,
    min: 4,
    max: 1_000_000,
  },
  maxStreams: {
    env: 'BOWLINE_MAX_STREAMS',
    group: 'sessions',
    kind: 'number',
    unit: 'count',
    what: 'calls at once on one connection',
    fallback: 1_000,
    min: 4,
    max: 100_000,
  },
  maxHeaderBytes: {
    env: 'BOWLINE_MAX_HEADER_BYTES',
    group: 'sessions',
    kind: 'number',
    unit: 'bytes',
    what: 'headers of one call',
    fallback: 16 << 10,
    min: 4 << 10,
    max: 1 << 20,
  },
  maxDeviceSessions: {
    env: 'BOWLINE_MAX_DEVICE_SESSIONS',
    group: 'sessions',
    kind: 'number',
    unit: 'count',
    what: 'sessions of one device at once, those that begin or end included',
    fallback: 8,
    min: 2,
    max: 1_000,
  },
  maxKeySessions: {
    env: 'BOWLINE_MAX_KEY_SESSIONS',
    group: 'sessions',
    kind: 'number',
    unit: 'count',
    what: 'sessions of workers with one key at once',
    fallback: 1_000,
    min: 2,
    max: 100_000,
  },
  maxFrameBytes: {
    env: 'BOWLINE_MAX_FRAME_BYTES',
    group: 'sessions',
    kind: 'number',
    unit: 'bytes',
    what: 'one message',
    fallback: 8 << 20,
    min: 64 << 10,
    max: 64 << 20,
  },
  maxTextBytes: {
    env: 'BOWLINE_MAX_TEXT_BYTES',
    group: 'sessions',
    kind: 'number',
    unit: 'bytes',
    what: 'text of one answer',
    fallback: 4 << 20,
    min: 1 << 10,
    max: 32 << 20,
  },
  drainMs: {
    env: 'BOWLINE_DRAIN_MS',
    group: 'sessions',
    kind: 'number',
    unit: 'ms',
    what: 'time of a shutdown',
    fallback: 10_000,
    min: 100,
    max: 600_000,
  },
  workerGraceMs: {
    env: 'BOWLINE_WORKER_GRACE_MS',
    group: 'work',
    kind: 'number',
    unit: 'ms',
    what: 'time in which a vanished worker may come back with its jobs',
    fallback: 3_000,
    min: 0,
    max: 600_000,
  },
  recoverAfterMs: {
    env: 'BOWLINE_RECOVER_AFTER_MS',
    group: 'work',
    kind: 'number',
    unit: 'ms',
    what: 'time after a start before jobs without a holder are taken over',
    fallback: 2_000,
    min: 0,
    max: 600_000,
  },
  scanMs: {
    env: 'BOWLINE_SCAN_MS',
    group: 'work',
    kind: 'number',
    unit: 'ms',
    what: 'time between rounds of the reconciler',
    fallback: 5_000,
    min: 50,
    max: 300_000,
  },
  leaseMs: {
    env: 'BOWLINE_LEASE_MS',
    group: 'work',
    kind: 'number',
    unit: 'ms',
    what: 'life of a lease without renewal',
    fallback: 15_000,
    min: 200,
    max: 600_000,
  },
  callTtlMs: {
    env: 'BOWLINE_CALL_TTL_MS',
    group: 'work',
    kind: 'number',
    unit: 'ms',
    what: 'life of a signed tool call',
    fallback: 300_000,
    min: 1_000,
    max: 3_600_000,
  },
  callTimeoutMs: {
    env: 'BOWLINE_CALL_TIMEOUT_MS',
    group: 'work',
    kind: 'number',
    unit: 'ms',
    what: 'time of a direct call that states no deadline',
    fallback: 60_000,
    min: 100,
    max: 3_600_000,
  },
  noWorkerMs: {
    env: 'BOWLINE_NO_WORKER_MS',
    group: 'work',
    kind: 'number',
    unit: 'ms',
    what: 'time after which a tool call that no connected worker could ever serve fails; a model turn waits on',
    fallback: 20_000,
    min: 100,
    max: 3_600_000,
  },
  maxCostMicros: {
    env: 'BOWLINE_MAX_RUN_COST_MICROS',
    group: 'runs',
    kind: 'number',
    unit: 'count',
    what: 'millionths of the currency that one run may spend; what is under way when it is met is still paid; 0 is no limit',
    fallback: 0,
    min: 0,
    max: 1_000_000_000_000,
  },
  summaryTurns: {
    env: 'BOWLINE_SUMMARY_TURNS',
    group: 'runs',
    kind: 'number',
    unit: 'count',
    what: 'turns of a conversation after which it is summed up; 0 is never',
    fallback: 6,
    min: 0,
    max: 20,
  },
  privateHosts: {
    env: 'BOWLINE_PRIVATE_HOSTS',
    group: 'runs',
    kind: 'text',
    what: 'hosts that the web worker may call also after a run has read private content; by default only what its question names',
    shape: /^[A-Za-z0-9.-]{1,253}(,[A-Za-z0-9.-]{1,253}){0,63}$/,
    like: 'a list like wiki.example.org,docs.example.org',
    fallback: undefined,
  },
} as const satisfies Record<string, Setting>;

export type SettingKey = keyof typeof SETTINGS;

/** Every setting with its key, in the order of the table. */
export const settingRows = (): [SettingKey, Setting][] => Object.entries(SETTINGS) as [SettingKey, Setting][];

/** The name under which a secret is read from a file of its own. */
export const fileVariant = (setting: SecretSetting): string => `${setting.env}_FILE`;

/** Every name that may stand in the environment, in the file and behind `--set`. */
export function settingNames(): string[] {
  return settingRows().flatMap(([, setting]) =>
    setting.kind === 'secret' ? [setting.env, fileVariant(setting)] : [setting.env],
  );
}

/** What holds when nothing is set, as it would be written; undefined where that is nothing. */
export function fallbackText(setting: Setting): string | undefined {
  switch (setting.kind) {
    case 'number':
    case 'choice':
      return String(setting.fallback);
    case 'text':
      return setting.fallback;
    case 'switch':
      return '0';
    default:
      return undefined;
  }
}

/** What may be written, in words. */
export function shapeText(setting: Setting): string {
  switch (setting.kind) {
    case 'number':
      return `a whole number${{ ms: ' of milliseconds', bytes: ' of bytes', days: ' of days', count: '' }[setting.unit]} from ${setting.min} to ${setting.max}`;
    case 'choice':
      return `one of ${setting.of.join(', ')}`;
    case 'switch':
      return '0 or 1';
    case 'addresses':
      return 'a list like host:port,host:port';
    default:
      return setting.like;
  }
}
