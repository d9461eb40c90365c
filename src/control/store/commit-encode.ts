// Makes the parameters of the commit statement from a batch of units, and checks the bounds of a unit. No database here.
import { AppError } from '../../base/errors.ts';
import { fixedLimit } from '../../base/fixed-limit.ts';
import type { CommitUnit } from './unit.ts';

/** What one unit may hold, encoded, in bytes. */
export const UNIT_LIMIT = 32 << 20;
const ROWS_LIMIT = 2000;

/** Throws INVALID_ARGUMENT or LIMIT_EXCEEDED for a unit that no statement should ever see. */
export function checkUnit(unit: CommitUnit): void {
  const bad = (what: string) => {
    throw new AppError('INVALID_ARGUMENT', { what: `commit unit: ${what}` });
  };
  if (unit.parts.length < 1 || unit.parts.length > 4) bad('1 to 4 streams are needed');
  if (new Set(unit.parts.map((part) => part.stream)).size !== unit.parts.length) bad('a stream is named twice');
  for (const part of unit.parts) {
    if (!Number.isSafeInteger(part.expected) || part.expected < 0) bad('an expected version is not a whole number');
    if (part.expected === 0 && part.events.length === 0) bad('a new stream needs an event');
  }
  const keys = [unit.tenant, unit.source, unit.commandId, ...unit.parts.map((part) => part.stream)];
  if (keys.some((key) => key === '' || key.includes('\0'))) bad('an id is empty or holds NUL');
  for (const row of [...unit.conversations, ...unit.runs, ...unit.jobs]) {
    if (row.tenant !== unit.tenant) bad('a row belongs to another tenant');
  }
  if (unit.outbox.some((row) => unit.outboxDone.includes(row.dispatchId))) bad('a dispatch is both new and done');
  if (unit.timers.some((row) => unit.timersDone.includes(row.id))) bad('a timer is both new and done');
  if (unitBytes(unit) > UNIT_LIMIT) {
    throw fixedLimit('a commit', `${UNIT_LIMIT} bytes`, 'ask for less at once');
  }
  const rows = unit.parts.reduce((sum, part) => sum + part.events.length, 0) + unit.outbox.length + unit.timers.length;
  if (rows + unit.outboxDone.length + unit.timersDone.length + unit.jobs.length > ROWS_LIMIT) {
    throw fixedLimit('a commit', `${ROWS_LIMIT} rows`, 'ask for less at once');
  }
}

/** Roughly what a unit weighs in a statement; used for bounds only. */
export function unitBytes(unit: CommitUnit): number {
  let sum = 512 + unit.outcome.length + 256 * (unit.outbox.length + unit.timers.length + unit.jobs.length);
  for (const part of unit.parts) for (const event of part.events) sum += 64 + event.data.length;
  for (const run of unit.runs) sum += 512 + 2 * (run.text.length + run.answer.length);
  return sum;
}

/** Names of what a unit takes for itself; two units of one batch share none, nor do two batches under way. */
export function unitKeys(unit: CommitUnit): string[] {
  const keys = unit.parts.map((part) => `s\0${unit.tenant}\0${part.stream}`);
  keys.push(`i\0${unit.tenant}\0${unit.source}\0${unit.commandId}`);
  return keys;
}

/** The ten parameters of COMMIT_SQL: all bytes in one, then one JSON list per kind of row. */
export function encodeUnits(batch: readonly CommitUnit[]): [Buffer, ...string[]] {
  const bytes: Uint8Array[] = [];
  let size = 0;
  const place = (data: Uint8Array) => {
    const off = size;
    bytes.push(data);
    size += data.length;
    return { off, len: data.length };
  };
  const units: object[] = [];
  const parts: object[] = [];
  const events: object[] = [];
  const outbox: object[] = [];
  const marks: object[] = [];
  const timers: object[] = [];
  const conversations: object[] = [];
  const runs: object[] = [];
  const jobs: object[] = [];
  for (const [u, unit] of batch.entries()) {
    const { tenant, source, commandId, session } = unit;
    const fresh = unit.parts.filter((part) => part.expected === 0).length;
    const old = unit.parts.length - fresh;
    const stream = unit.parts[0]?.stream;
    const fence = session && { device: session.device, session: session.epoch };
    units.push({ u, tenant, source, command: commandId, stream, ...place(unit.outcome), old, fresh, ...fence });
    for (const { stream, kind, expected, events: added } of unit.parts) {
      const p = parts.length;
      parts.push({ p, u, tenant, stream, kind, expected, next: expected + added.length });
      for (const [n, { type, data }] of added.entries()) {
        events.push({ p, version: expected + n + 1, type, ...place(data) });
      }
    }
    for (const { dispatchId, ...row } of unit.outbox) outbox.push({ u, dispatch_id: dispatchId, ...row });
    for (const id of unit.outboxDone) marks.push({ u, kind: 'done', id });
    for (const id of unit.timersDone) marks.push({ u, kind: 'timer', id });
    for (const { id, stream, kind, dueInMs } of unit.timers) timers.push({ u, id, stream, kind, ms: dueInMs });
    for (const { activeRun, createdAt, ...row } of unit.conversations) {
      conversations.push({ u, ...row, active_run: activeRun, created_at: time(createdAt) });
    }
    for (const { createdAt, endedAt, leftOut, ...row } of unit.runs) {
      runs.push({ u, ...row, left_out: leftOut, created_at: time(createdAt), ended_at: time(endedAt) });
    }
    for (const { createdAt, startedAt, endedAt, ...row } of unit.jobs) {
      jobs.push({ u, ...row, created_at: time(createdAt), started_at: time(startedAt), ended_at: time(endedAt) });
    }
  }
  const lists = [units, parts, events, outbox, marks, timers, conversations, runs, jobs];
  return [Buffer.concat(bytes, size), ...lists.map(encodeJson)];
}

/** JSON that Postgres takes: without NUL and lone surrogates, which text there cannot hold. */
export function encodeJson(value: unknown): string {
  const json = JSON.stringify(value);
  if (!/\\u(0000|d[89a-f])/i.test(json)) return json;
  return JSON.stringify(value, (_key, item) => (typeof item === 'string' ? clean(item) : item));
}

const clean = (text: string) => text.toWellFormed().replaceAll('\0', '\ufffd');

const time = (ms: number | null | undefined) => (typeof ms === 'number' ? new Date(ms).toISOString() : null);
