// The tables of retrieval. A vector belongs to a hash of the text that it was made of, so that a passage that stays when its
// document changes, or that stands in many, has its vector once and is not put into an index again.
import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

const statements = [
  `create table collection (
    id bigint generated always as identity primary key,
    tenant text not null,
    name text collate "C" not null,
    model text not null,
    model_id text not null,
    dimension int not null,
    lexical boolean not null,
    documents int not null default 0,
    passages int not null default 0,
    bytes bigint not null default 0,
    indexed boolean not null default false,
    updated_at timestamptz(3) not null default now(),
    unique (tenant, name))`,
  `create table document (
    key bigint generated always as identity primary key,
    tenant text not null,
    collection bigint not null references collection on delete cascade,
    id text collate "C" not null,
    title text not null,
    media_type text not null,
    bytes bigint not null,
    passages int not null,
    sha256 bytea not null,
    fingerprint bytea not null,
    grant_id text not null,
    metadata jsonb not null,
    updated_at timestamptz(3) not null default now(),
    unique (collection, id))`,
  `create table passage (
    id bigint generated always as identity primary key,
    tenant text not null,
    collection bigint not null references collection on delete cascade,
    document bigint not null references document on delete cascade,
    ordinal int not null,
    headings jsonb not null,
    text text not null,
    start_line int not null,
    end_line int not null,
    page int not null,
    start_byte bigint not null,
    end_byte bigint not null,
    hash bytea not null,
    words tsvector not null,
    unique (document, ordinal))`,
  // Words are read for each candidate of a search, texts only for the few that are shown.
  `alter table passage alter column text set storage external, alter column words set storage main`,
  `create index passage_hash on passage (collection, hash)`,
  // Without the pending list: what it defers, the next search would pay.
  `create index passage_words on passage using gin (words) with (fastupdate = off)`,
  `create table embedding (
    tenant text not null,
    collection bigint not null references collection on delete cascade,
    hash bytea not null,
    embedding vector not null,
    primary key (collection, hash))`,
  // Beside its row wherever it fits in a page: comparing all of them reads it in one go.
  `alter table embedding alter column embedding set storage main`,
];

/** Whoever forgets a tenant in a statement sees nothing; `force`, because the owner of the tables is who uses them. */
const guards = ['collection', 'document'].flatMap((table) => [
  `alter table ${table} enable row level security`,
  `alter table ${table} force row level security`,
  `create policy tenant on ${table} using (tenant = current_setting('bowline.tenant', true))`,
]);

export const firstPassages: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    for (const statement of [...statements, ...guards]) await sql.raw(statement).execute(db);
  },
};
