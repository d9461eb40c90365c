// The settings of the control plane: read from the environment in one place, made into one frozen object. Pure but for
// the environment it is handed.
import { AppError } from '../base/errors.ts';

export interface ControlConfig {
  /** A Postgres URL; absent means embedded PGlite in `<home>/control/pg`. */
  readonly databaseUrl: string | undefined;
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly heartbeatMs: number;
  /** Frames that may wait for one slow peer. */
  readonly maxQueuedFrames: number;
  readonly maxFrameBytes: number;
  readonly maxTextBytes: number;
  readonly workerGraceMs: number;
  readonly recoverAfterMs: number;
  readonly scanMs: number;
  readonly leaseMs: number;
  readonly callTtlMs: number;
  readonly callTimeoutMs: number;
  readonly drainMs: number;
  readonly maxConnections: number;
}

interface Setting {
  readonly env: string;
  readonly what: string;
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
}

/** Every number that can be set, with its unit, default and bounds; the help and the docs are made from this. */
export const SETTINGS = {
  port: {
    env: 'BOWLINE_PORT',
    what: 'port to listen on; 0 lets the system choose',
    fallback: 7420,
    min: 0,
    max: 65535,
  },
  heartbeatMs: {
    env: 'BOWLINE_HEARTBEAT_MS',
    what: 'milliseconds between heartbeats; two missed ones end a session',
    fallback: 10_000,
    min: 50,
    max: 300_000,
  },
  maxQueuedFrames: {
    env: 'BOWLINE_MAX_QUEUED_FRAMES',
    what: 'frames that may wait for one slow peer',
    fallback: 4_096,
    min: 128,
    max: 1_000_000,
  },
  maxFrameBytes: {
    env: 'BOWLINE_MAX_FRAME_BYTES',
    what: 'bytes of one message',
    fallback: 8 << 20,
    min: 64 << 10,
    max: 64 << 20,
  },
  maxTextBytes: {
    env: 'BOWLINE_MAX_TEXT_BYTES',
    what: 'bytes of text of one answer',
    fallback: 4 << 20,
    min: 1 << 10,
    max: 32 << 20,
  },
  workerGraceMs: {
    env: 'BOWLINE_WORKER_GRACE_MS',
    what: 'milliseconds in which a vanished worker may come back with its jobs',
    fallback: 3_000,
    min: 0,
    max: 600_000,
  },
  recoverAfterMs: {
    env: 'BOWLINE_RECOVER_AFTER_MS',
    what: 'milliseconds after the start before jobs without a holder are taken over',
    fallback: 2_000,
    min: 0,
    max: 600_000,
  },
  scanMs: {
    env: 'BOWLINE_SCAN_MS',
    what: 'milliseconds between rounds of the reconciler',
    fallback: 5_000,
    min: 50,
    max: 300_000,
  },
  leaseMs: {
    env: 'BOWLINE_LEASE_MS',
    what: 'milliseconds that a lease lives without renewal',
    fallback: 15_000,
    min: 200,
    max: 600_000,
  },
  callTtlMs: {
    env: 'BOWLINE_CALL_TTL_MS',
    what: 'milliseconds that a signed tool call is good',
    fallback: 300_000,
    min: 1_000,
    max: 3_600_000,
  },
  callTimeoutMs: {
    env: 'BOWLINE_CALL_TIMEOUT_MS',
    what: 'milliseconds for a direct call that states no deadline',
    fallback: 60_000,
    min: 100,
    max: 3_600_000,
  },
  drainMs: { env: 'BOWLINE_DRAIN_MS', what: 'milliseconds for a shutdown', fallback: 10_000, min: 100, max: 600_000 },
  maxConnections: { env: 'BOWLINE_DB_CONNECTIONS', what: 'connections to Postgres', fallback: 10, min: 1, max: 500 },
} as const satisfies Record<string, Setting>;

type Numbers = { -readonly [K in keyof typeof SETTINGS]: number };

/** The settings from the environment, overridden by flags. Throws USAGE that names the setting. */
export function controlConfig(
  env: Readonly<Record<string, string | undefined>>,
  flags: Partial<Pick<ControlConfig, 'host' | 'port' | 'databaseUrl'>> = {},
): ControlConfig {
  const numbers = {} as Numbers;
  for (const key of Object.keys(SETTINGS) as (keyof typeof SETTINGS)[]) numbers[key] = numberOf(SETTINGS[key], env);
  if (numbers.leaseMs < 2 * numbers.scanMs) {
    const { leaseMs, scanMs } = SETTINGS;
    throw new AppError('USAGE', {
      what: `${leaseMs.env} must be at least twice ${scanMs.env}, or leases lapse while they are held`,
    });
  }
  return Object.freeze({
    ...numbers,
    host: flags.host ?? (env.BOWLINE_HOST || '127.0.0.1'),
    port: flags.port ?? numbers.port,
    databaseUrl: flags.databaseUrl ?? (env.DATABASE_URL || undefined),
  });
}

function numberOf(
  { env: name, fallback, min, max }: Setting,
  env: Readonly<Record<string, string | undefined>>,
): number {
  const text = env[name];
  if (text === undefined || text === '') return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new AppError('USAGE', { what: `${name}="${text.slice(0, 80)}" is not a whole number from ${min} to ${max}` });
  }
  return value;
}
