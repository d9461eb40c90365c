// The first tables. Never edited once released: the next change is the next file.
import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { Migration } from 'kysely/migration';

// Streams are updated in place at every commit, so they keep room on the page for HOT updates. There are no foreign keys:
// the commit statement writes only rows of units that passed, and a key check would take more locks than it needs.
const statements = [
  `create table streams (
    tenant text not null, id text not null, kind text not null, version bigint not null,
    primary key (tenant, id)) with (fillfactor = 70)`,
  `create table events (
    tenant text not null, stream text not null, version bigint not null, type text not null,
    at timestamptz(3) not null, data bytea not null,
    primary key (tenant, stream, version))`,
  `create table inbox (
    tenant text not null, source text not null, command_id text not null, stream text not null, outcome bytea not null,
    at timestamptz(3) not null default now(),
    primary key (tenant, source, command_id))`,
  `create index inbox_at on inbox (at)`,
  `create table outbox (
    dispatch_id text primary key, tenant text not null, run text not null, job text not null, epoch bigint not null,
    capability text not null, tier int not null, target text not null check (target in ('worker', 'device')),
    device text check ((target = 'device') = (device is not null)),
    selector jsonb not null, recipients text[] not null, slots int not null, priority int not null,
    state text not null check (state in ('ready', 'waiting')), reason text,
    created_at timestamptz(3) not null default now(), queued_at timestamptz(3)) with (fillfactor = 70)`,
  `create index outbox_run on outbox (tenant, run)`,
  `create index outbox_worker on outbox (dispatch_id) where state = 'ready' and target = 'worker'`,
  `create index outbox_device on outbox (tenant, device) where state = 'ready' and target = 'device'`,
  `create index outbox_waiting on outbox (created_at) where state = 'waiting'`,
  `create table timers (
    id text not null, tenant text not null, stream text not null, kind text not null,
    due timestamptz(3) not null, wake timestamptz(3) not null,
    primary key (id, tenant)) with (fillfactor = 70)`,
  `create index timers_wake on timers (wake)`,
  `create index timers_stream on timers (tenant, stream)`,
  `create table conversation (
    tenant text not null, id text not null, title text not null, active_run text, waiting text[] not null,
    turns int not null, device text, created_at timestamptz(3) not null default now(),
    primary key (tenant, id)) with (fillfactor = 70)`,
  `create index conversation_newest on conversation (tenant, created_at, id)`,
  `create table run (
    tenant text not null, id text not null, conversation text, device text, principal text not null, kind text not null,
    state text not null, question text not null, answer text not null, reason text,
    created_at timestamptz(3) not null, ended_at timestamptz(3), usage jsonb not null, sources jsonb not null,
    withheld jsonb not null, egress jsonb not null,
    primary key (tenant, id)) with (fillfactor = 70)`,
  `create index run_newest on run (tenant, created_at, id)`,
  `create index run_open on run (created_at, id) where ended_at is null`,
  `create index run_conversation on run (tenant, conversation, created_at, id)`,
  `create table job (
    tenant text not null, run text not null, id text not null, method text not null, target text not null,
    state text not null, attempts int not null, epoch bigint not null, created_at timestamptz(3) not null,
    started_at timestamptz(3), ended_at timestamptz(3), error text,
    primary key (tenant, run, id)) with (fillfactor = 70)`,
  `create table lease (
    replica text primary key, in_flight jsonb not null, expires_at timestamptz(3) not null,
    started_at timestamptz(3) not null default now())`,
  `create table tenant (id text primary key, name text not null)`,
  `create table api_key (
    id text primary key, tenant text not null, hash bytea not null unique, kind text not null, scopes jsonb not null,
    created_at timestamptz(3) not null default now(), revoked_at timestamptz(3))`,
  `create index api_key_tenant on api_key (tenant)`,
  `create table join_token (
    hash bytea primary key, tenant text not null, name text not null, expires_at timestamptz(3) not null,
    redeemed_by text, created_at timestamptz(3) not null default now())`,
  `create table device (
    tenant text not null, id text not null, name text not null, key_hash bytea not null unique, public_key bytea,
    state text not null default 'active', session_epoch bigint not null default 0, generation int not null default 1,
    manifest bytea, journal_id text, anchor_sequence bigint, anchor_head bytea, last_seen timestamptz(3),
    created_at timestamptz(3) not null default now(),
    primary key (tenant, id), unique (tenant, name)) with (fillfactor = 70)`,
  `create table worker_token (
    hash bytea primary key, tenant text, name text not null, packages text[] not null, pool text not null,
    created_at timestamptz(3) not null default now(), revoked_at timestamptz(3))`,
  `create table ledger_usage (
    tenant text not null, run text not null, job text not null, provider text not null, model text not null,
    input_tokens bigint not null, output_tokens bigint not null, cost_micros bigint not null,
    at timestamptz(3) not null default now())`,
  `create index ledger_usage_at on ledger_usage (tenant, at)`,
  `create index ledger_usage_run on ledger_usage (tenant, run)`,
  `create table audit (
    tenant text not null, at timestamptz(3) not null default now(), principal text not null, action text not null,
    subject text not null, detail jsonb not null)`,
  `create index audit_at on audit (tenant, at)`,
  // Called by the commit statement where half of a unit found its rows taken by a commit it could not see: the whole
  // statement is undone and sent again, and then sees it.
  `create function bowline_torn() returns boolean language plpgsql volatile as
    $$ begin raise exception 'a unit is half matched' using errcode = 'BW001'; end $$`,
];

export const first: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};
