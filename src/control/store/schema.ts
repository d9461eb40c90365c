// The tables as TypeScript sees them; `migrations/` makes them. It holds types only.
import type { ColumnType, Generated, JSONColumnType } from 'kysely';

/** `bytea`: any bytes in, a Buffer out. */
export type Bytes = ColumnType<Buffer, Uint8Array, Uint8Array>;
/** `timestamptz(3)`: read and written as Date. */
type Time = ColumnType<Date, Date, Date>;
type TimeOrNow = ColumnType<Date, Date | undefined, Date>;
/** `jsonb`: parsed when read, written with JSON.stringify by the caller (pg makes arrays of arrays otherwise). */
type Json<T extends object> = JSONColumnType<T>;

export interface Schema {
  streams: { tenant: string; id: string; kind: 'run' | 'conversation'; version: number };
  events: { tenant: string; stream: string; version: number; type: string; at: Time; data: Bytes };
  inbox: { tenant: string; source: string; command_id: string; stream: string; outcome: Bytes; at: TimeOrNow };
  outbox: {
    dispatch_id: string;
    tenant: string;
    run: string;
    job: string;
    epoch: number;
    capability: string;
    tier: number;
    target: 'worker' | 'device';
    device: string | null;
    selector: Json<Record<string, string>>;
    recipients: string[];
    slots: number;
    priority: number;
    state: 'ready' | 'waiting';
    reason: string | null;
    created_at: TimeOrNow;
    /** A hint: when a relay last gave it to a queue. */
    queued_at: Time | null;
    /** The replica that alone may send it to a worker; null as long as nobody may. */
    holder: string | null;
  };
  timers: {
    id: string;
    tenant: string;
    stream: string;
    kind: string;
    due: Time;
    /** When to look at it: `due`, or later while a replica is firing it. */
    wake: Time;
  };
  conversation: {
    tenant: string;
    id: string;
    title: string;
    active_run: string | null;
    waiting: string[];
    turns: number;
    device: string | null;
    created_at: TimeOrNow;
  };
  run: {
    tenant: string;
    id: string;
    conversation: string | null;
    device: string | null;
    principal: string;
    kind: 'ask' | 'call';
    state: 'waiting' | 'running' | 'answered' | 'refused' | 'failed' | 'cancelled' | 'timed_out';
    question: string;
    answer: string;
    reason: string | null;
    created_at: Time;
    ended_at: Time | null;
    usage: Json<{ inputTokens: number; outputTokens: number; costMicros: number }>;
    sources: Json<object>;
    withheld: Json<object>;
    left_out: Json<object>;
    egress: Json<object>;
    model: Json<object> | null;
  };
  job: {
    tenant: string;
    run: string;
    id: string;
    method: string;
    target: string;
    state: string;
    attempts: number;
    epoch: number;
    created_at: Time;
    started_at: Time | null;
    ended_at: Time | null;
    error: string | null;
  };
  lease: {
    replica: string;
    expires_at: Time;
    started_at: TimeOrNow;
    /** Of the stored events that the replica knows (see event-version.ts); 0 is from before there was one. */
    version: Generated<number>;
    /** Raised by the replica itself (see history-counter.ts). */
    beat: Generated<number>;
  };
  set_aside: {
    tenant: string;
    run: string;
    problem: string;
    /** Of the stored events that the replica knew that could not read it. */
    version: number;
    since: TimeOrNow;
    /** When its owner ended it. */
    ended_at: Generated<Date | null>;
  };
  tenant: {
    id: string;
    name: string;
    /** When its dispatch was stopped, because the database is older than what its edges know. */
    stopped_at: Generated<Date | null>;
    /** What showed it; the shape belongs to the writer. */
    stopped_by: ColumnType<object | null, string | null | undefined, string | null>;
  };
  /** One row. */
  control_state: {
    one: Generated<boolean>;
    /** Ed25519, PKCS #8 in PEM; null until a replica made or imported it. */
    signing_key: string | null;
    /** Every epoch given from now on is above it; it grows when a restored database is recovered. */
    epoch_base: Generated<number>;
    recovered_at: Time | null;
  };
  api_key: {
    id: string;
    tenant: string;
    hash: Bytes;
    kind: 'owner' | 'api';
    /** For its owner; empty for the first one. */
    name: Generated<string>;
    scopes: Json<object>;
    created_at: TimeOrNow;
    revoked_at: Time | null;
  };
  join_token: {
    hash: Bytes;
    tenant: string;
    name: string;
    expires_at: Time;
    redeemed_by: string | null;
    created_at: TimeOrNow;
    revoked_at: Generated<Date | null>;
  };
  removed_device: {
    tenant: string;
    id: string;
    name: string;
    key_hash: Bytes;
    removed_at: TimeOrNow;
  };
  device: {
    tenant: string;
    id: string;
    name: string;
    key_hash: Bytes;
    public_key: Bytes | null;
    state: Generated<'active' | 'suspended' | 'quarantined'>;
    /** What it was before it was suspended; null when it is not. */
    suspended_from: Generated<'active' | 'quarantined' | null>;
    session_epoch: Generated<number>;
    generation: Generated<number>;
    manifest: Bytes | null;
    journal_id: string | null;
    anchor_sequence: number | null;
    anchor_head: Bytes | null;
    last_seen: Time | null;
    created_at: TimeOrNow;
    /** The replica that holds its session; it is online while that replica's lease is live. */
    replica: Generated<string | null>;
    /** It had sessions before a restored database was recovered. */
    recovered: Generated<boolean>;
    /** The start of the edge's process that its session belongs to; null when that is not known. */
    boot_id: Generated<string | null>;
  };
  /** Keys of workers. The builds beside which this one may run know the table by this name only. */
  worker_token: {
    hash: Bytes;
    /** Null means any tenant. */
    tenant: string | null;
    name: string;
    packages: string[];
    pool: string;
    created_at: TimeOrNow;
    revoked_at: Time | null;
  };
  ledger_usage: {
    tenant: string;
    run: string;
    job: string;
    provider: string;
    model: string;
    input_tokens: number;
    output_tokens: number;
    cost_micros: number;
    at: TimeOrNow;
    /** Of the attempt; 0 is not known. */
    epoch: Generated<number>;
    /** Full name; empty is not known. */
    method: Generated<string>;
    conversation: Generated<string | null>;
    device: Generated<string | null>;
    principal: Generated<string>;
    cached_tokens: Generated<number>;
    /** The tokens are an estimate. */
    estimated: Generated<boolean>;
    /** Of a row that is the sum of a day: how many uses it stands for. Else 0. */
    jobs: Generated<number>;
  };
  budget: {
    tenant: string;
    id: string;
    scope: 'tenant' | 'device' | 'conversation' | 'key' | 'model';
    /** Id of the device, conversation or key, or the model as `name` or `provider/name`; empty for the tenant. */
    subject: string;
    period: 'day' | 'week' | 'month';
    limit_micros: number | null;
    limit_tokens: number | null;
    warn_percent: number[];
    created_at: TimeOrNow;
  };
  budget_period: {
    tenant: string;
    budget: string;
    start: Time;
    spent_micros: Generated<number>;
    spent_tokens: Generated<number>;
    reserved_micros: Generated<number>;
    reserved_tokens: Generated<number>;
  };
  /** The worst case of a dispatch in one budget. */
  reservation: {
    dispatch_id: string;
    tenant: string;
    budget: string;
    start: Time;
    micros: number;
    tokens: number;
    /** Version of the prices that it was made with. */
    prices: string;
    /** When its worst case is charged, unless it is told before; null while it is outstanding. */
    lapses_at: Time | null;
    /** Its worst case is charged. */
    lapsed: Generated<boolean>;
  };
  plugin: {
    package: string;
    tenant: string;
    descriptor_set: Bytes;
    digest: Bytes;
    effect: number;
    idempotent: boolean;
    trusted: boolean;
    updated_at: TimeOrNow;
  };
  /** What a box and paired keys of its owner say to each other; nobody here can read it. */
  owner_note: {
    tenant: string;
    device: string;
    to_device: boolean;
    key: string;
    id: string;
    body: Bytes;
    expires_at: Time;
  };
  /** Prices that workers told; those that say the same share a row. */
  known_prices: { digest: string; tenants: string[]; packages: string[]; models: Json<object[]>; at: TimeOrNow };
  /** Jobs that nothing goes on with by itself; a trigger on `job` adds them. */
  dead_job: {
    tenant: string;
    run: string;
    job: string;
    kind: string;
    method: string;
    target: string;
    reason: string;
    attempts: number;
    at: TimeOrNow;
    /** What a person did about it; null until then. */
    handled: 'retried' | 'dropped' | null;
  };
  /** A payload that lies in the blob store under its hash. */
  blob: { tenant: string; sha256: string; size: number; at: TimeOrNow };
  /** Why a blob is kept: for a stream as long as there is that stream, or held until whoever holds it lets go. */
  blob_owner: { tenant: string; sha256: string; owner: string; held: boolean; at: TimeOrNow };
  /** The bytes of blobs, where the blob store is the database. */
  blob_data: { tenant: string; sha256: string; data: Bytes };
  /** What the events of a stream up to a version come to; it only saves reading them. */
  snapshot: { tenant: string; stream: string; version: number; format: number; event_hash: Bytes; state: Json<object> };
  /** Runs that are here no more, and why: they were kept long enough, or their conversation was deleted. */
  removed_run: {
    tenant: string;
    id: string;
    conversation: string | null;
    device: string | null;
    created_at: Time;
    ended_at: Time | null;
    removed_at: TimeOrNow;
    why: 'age' | 'conversation';
    /** SHA-256 of what the archive has of it. */
    archive: Generated<string | null>;
  };
  audit: { tenant: string; at: TimeOrNow; principal: string; action: string; subject: string; detail: Json<object> };
}
