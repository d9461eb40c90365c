// Makes the parameters of the commit statement from a batch of units, and checks the bounds of a unit. No database here.
import { AppError } from '../../base/errors.ts';
import { fixedLimit } from '../../base/fixed-limit.ts';
import { BytesArray, TextArray } from './postgres-array.ts';
import type { CommitUnit } from './unit.ts';

/** What one unit may hold, encoded, in bytes. */
export const UNIT_LIMIT = 32 << 20;
const ROWS_LIMIT = 2000;

/** Throws INVALID_ARGUMENT or LIMIT_EXCEEDED for a unit that no statement should ever see. */
export function checkUnit(unit: CommitUnit): void {
  const bad = (what: string) => {
    throw new AppError('INVALID_ARGUMENT', { what: `commit unit: ${what}` });
  };
  const { parts, tenant } = unit;
  if (parts.length < 1 || parts.length > 4) bad('1 to 4 streams are needed');
  let rows = unit.outbox.length + unit.timers.length;
  for (const [at, { stream, expected, events }] of parts.entries()) {
    if (parts.findIndex((part) => part.stream === stream) !== at) bad('a stream is named twice');
    if (!Number.isSafeInteger(expected) || expected < 0) bad('an expected version is not a whole number');
    if (expected === 0 && events.length === 0) bad('a new stream needs an event');
    if (isNoKey(stream)) bad('an id is empty or holds NUL');
    rows += events.length;
  }
  if (isNoKey(tenant) || isNoKey(unit.source) || isNoKey(unit.commandId)) bad('an id is empty or holds NUL');
  for (const all of [unit.conversations, unit.runs, unit.jobs])
    for (const row of all) if (row.tenant !== tenant) bad('a row belongs to another tenant');
  if (unit.outbox.some((row) => unit.outboxDone.includes(row.dispatchId))) bad('a dispatch is both new and done');
  if (unit.timers.some((row) => unit.timersDone.includes(row.id))) bad('a timer is both new and done');
  if (unitBytes(unit) > UNIT_LIMIT) {
    throw fixedLimit('a commit', `${UNIT_LIMIT} bytes`, 'ask for less at once');
  }
  rows += unit.outboxDone.length + unit.timersDone.length + unit.jobs.length + (unit.usage?.length ?? 0);
  if (rows > ROWS_LIMIT) {
    throw fixedLimit('a commit', `${ROWS_LIMIT} rows`, 'ask for less at once');
  }
}

const isNoKey = (key: string): boolean => key === '' || key.includes('\0');

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

/** The parameters of COMMIT_SQL: what one kind of row holds, row after row, in the order of the columns in 0013-commit-function.ts. */
export function encodeUnits(batch: readonly CommitUnit[]): (Buffer | number)[] {
  const units = new TextArray();
  const outcomes = new BytesArray();
  const parts = new TextArray();
  const events = new TextArray();
  const data = new BytesArray();
  const rest = new RestOfUnits();
  let fresh = 0;
  let moved = 0;
  for (const [place, unit] of batch.entries()) {
    const { tenant, source, commandId, session } = unit;
    units.add(tenant, source, commandId, unit.parts[0]?.stream, session?.device, session?.epoch);
    outcomes.add(unit.outcome);
    for (const { stream, kind, expected, events: added } of unit.parts) {
      if (expected === 0) fresh++;
      else if (added.length > 0) moved++;
      parts.add(place + 1, tenant, stream, kind, expected, expected + added.length);
      for (const [n, event] of added.entries()) {
        events.add(tenant, stream, expected + n + 1, event.type);
        data.add(event.data);
      }
    }
    rest.add(unit);
  }
  const first = [units, outcomes, parts].map((array) => array.toParameter());
  return [...first, fresh, moved, events.toParameter(), data.toParameter(), ...rest.toParameters()];
}

/** Whether money plays a part in it. */
export const isCharged = ({ wants, ends, usage }: CommitUnit): boolean =>
  (wants?.length ?? 0) + (ends?.length ?? 0) + (usage?.length ?? 0) > 0;

/** What BUDGET_COMMIT_SQL takes besides: reservations, what ended, and the ledger. */
export function encodeMoney(batch: readonly CommitUnit[]): Buffer[] {
  const wants = new TextArray();
  const ends = new TextArray();
  const uses = new TextArray();
  const models = (names: readonly string[] | undefined) => (names ? literal(names) : null);
  for (const [place, { tenant, wants: all = [], ends: over = [], usage = [] }] of batch.entries()) {
    for (const want of all) {
      const { dispatchId, job, conversation, device, principal, most } = want;
      wants.add(place + 1, tenant, dispatchId, job, conversation, device, principal, models(want.models));
      wants.add(most?.micros, most?.tokens, most?.prices ?? '');
    }
    for (const end of over) {
      const { dispatchId, used, conversation, device, principal } = end;
      ends.add(tenant, dispatchId, used ? 'true' : 'false', conversation, device, principal, models(end.models));
      ends.add(used?.micros ?? 0, used?.tokens ?? 0);
    }
    for (const use of usage) {
      uses.add(tenant, use.run, use.job, use.provider, use.model, use.inputTokens, use.outputTokens, use.costMicros);
      uses.add(use.epoch, use.method, use.conversation, use.device, use.principal, use.cachedTokens);
      uses.add(use.estimated ? 'true' : 'false');
    }
  }
  return [wants, ends, uses].map((array) => array.toParameter());
}

/** Outbox, timers and projections. */
class RestOfUnits {
  readonly #outbox = new TextArray();
  readonly #done = new TextArray();
  readonly #timers = new TextArray();
  readonly #rung = new TextArray();
  readonly #conversations = new TextArray();
  readonly #runs = new TextArray();
  readonly #jobs = new TextArray();

  add(unit: CommitUnit): void {
    const { tenant } = unit;
    for (const row of unit.outbox) {
      this.#outbox.add(tenant, row.dispatchId, row.run, row.job, row.epoch, row.capability, row.tier, row.target);
      this.#outbox.add(row.device, encodeJson(row.selector), literal(row.recipients), row.slots, row.priority);
      this.#outbox.add(row.state, row.reason, row.holder);
    }
    for (const id of unit.outboxDone) this.#done.add(tenant, id);
    for (const { id, stream, kind, dueInMs } of unit.timers) this.#timers.add(tenant, id, stream, kind, dueInMs);
    for (const id of unit.timersDone) this.#rung.add(tenant, id);
    for (const row of unit.conversations) {
      this.#conversations.add(tenant, row.id, row.title, row.activeRun, literal(row.waiting), row.turns, row.device);
      this.#conversations.add(row.createdAt);
    }
    for (const row of unit.runs) {
      this.#runs.add(tenant, row.id, row.conversation, row.device, row.principal, row.kind, row.state, row.text);
      this.#runs.add(
        row.answer,
        row.reason,
        row.createdAt,
        row.endedAt,
        encodeJson(row.usage),
        encodeJson(row.sources),
      );
      this.#runs.add(encodeJson(row.withheld), encodeJson(row.egress), encodeJson(row.leftOut), jsonOrNull(row.model));
    }
    for (const row of unit.jobs) {
      this.#jobs.add(tenant, row.run, row.id, row.method, row.target, row.state, row.attempts, row.epoch);
      this.#jobs.add(row.createdAt, row.startedAt, row.endedAt, row.error);
    }
  }

  toParameters(): Buffer[] {
    const arrays = [this.#outbox, this.#done, this.#timers, this.#rung, this.#conversations, this.#runs, this.#jobs];
    return arrays.map((array) => array.toParameter());
  }
}

const jsonOrNull = (value: unknown) => (value === null || value === undefined ? null : encodeJson(value));

/** An array as text, inside an array of texts. */
const literal = (items: readonly string[]): string =>
  `{${items.map((item) => `"${item.replaceAll(/["\\]/g, '\\$&')}"`).join(',')}}`;

/** JSON that Postgres takes: without NUL and lone surrogates, which text there cannot hold. */
export function encodeJson(value: unknown): string {
  const json = JSON.stringify(value);
  if (!/\\u(0000|d[89a-f])/i.test(json)) return json;
  return JSON.stringify(value, (_key, item) => (typeof item === 'string' ? clean(item) : item));
}

const clean = (text: string) => text.toWellFormed().replaceAll('\0', '\ufffd');
