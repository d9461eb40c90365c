// Writes one journal entry into the tables. Pure of files and clocks; the same entries give the same rows.
import { type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt';
import type {
  AskRecord,
  Checkpoint,
  GrantMinted,
  Intent,
  RunAnswered,
  ToolOutcome,
  ToolRefused,
} from '../../../gen/bowline/journal/v1/journal_pb.ts';
import { type Egress, RunState } from '../../../gen/bowline/run/v1/run_pb.ts';
import type { Entry } from '../journal/records.ts';
import type { SqlDatabase } from './database.ts';
import type { RunRow } from './port.ts';

const QUESTION_CHARACTERS = 200;
const ANSWER_CHARACTERS = 400;

/** Adds what the entry says. Entries come in order, each once. */
export function applyEntry(db: SqlDatabase, { sequence, at, record }: Entry): void {
  switch (record.case) {
    case 'ask':
      ask(db, record.value, sequence, at, sequence);
      break;
    case 'askOutcome': {
      const { refused, sequence: own } = record.value;
      const params = [refused ? 'refused' : 'accepted', refused?.reason ?? '', refused ? at : null, Number(own)];
      db.run(`UPDATE runs SET state = ?, reason = ?, endedAt = ? WHERE sequence = ? AND endedAt IS NULL`, params);
      break;
    }
    case 'runAnswered':
      answered(db, record.value, sequence, at);
      break;
    case 'cancel':
      db.run(`UPDATE runs SET state = 'cancelling' WHERE run = ? AND endedAt IS NULL`, [record.value.run]);
      break;
    case 'intent':
      intent(db, record.value, at);
      break;
    case 'toolOutcome':
      outcome(db, record.value, sequence, at);
      ledger(db, record.value.egress, sequence, at);
      break;
    case 'toolRefused':
      refused(db, record.value, sequence, at);
      break;
    case 'toolSettled':
      db.run(`UPDATE calls SET settled = 1 WHERE key = ?`, [record.value.idempotencyKey]);
      break;
    case 'grantMinted':
      grant(db, record.value, sequence, at);
      break;
    case 'grantEnded': {
      const { id, why } = record.value;
      db.run(`UPDATE grants SET endedAt = ?, why = ? WHERE id = ? AND endedAt IS NULL`, [at, why, id]);
      break;
    }
    case 'ledger':
      ledger(db, record.value.entries, sequence, at);
      break;
    case 'checkpoint':
      checkpoint(db, record.value, sequence, at);
      break;
    case 'started':
    case 'sessionOpened':
    case 'clockSet':
      break;
  }
}

function refused(db: SqlDatabase, value: ToolRefused, sequence: number, at: number): void {
  const { idempotencyKey: key, job, method } = value;
  if (!key) return;
  db.run(
    `INSERT INTO calls (key, job, run, method, state, params, outcomeIn, endedAt) VALUES (?, ?, ?, ?, 'never', x'', ?, ?)
     ON CONFLICT (key) DO NOTHING`,
    [key, job === key ? '' : job, textId(db, runOf(job)), textId(db, method), sequence, at],
  );
}

function ask(
  db: SqlDatabase,
  { event, requestId, grants, egress }: AskRecord,
  own: number,
  at: number,
  sequence: number,
): void {
  if (!event) return;
  const question = event.text.slice(0, QUESTION_CHARACTERS);
  db.run(
    `INSERT INTO runs (sequence, run, conversation, requestId, state, question, askedAt) VALUES (?, ?, ?, ?, 'waiting', ?, ?)
     ON CONFLICT DO NOTHING`,
    [own, event.run, event.conversation, requestId, question, at],
  );
  for (const minted of grants) grant(db, minted, sequence, at);
  if (own === sequence) ledger(db, egress, sequence, at);
}

function answered(db: SqlDatabase, { run, outcome }: RunAnswered, sequence: number, at: number): void {
  const answer = (outcome?.answer ?? '').slice(0, ANSWER_CHARACTERS);
  db.run(
    `UPDATE runs SET state = ?, answer = ?, reason = ?, endedAt = ?, endedIn = ? WHERE run = ? AND endedIn IS NULL`,
    [stateName(outcome?.state), answer, outcome?.failure?.reason ?? '', at, sequence, run],
  );
}

function stateName(state: RunState | undefined): RunRow['state'] {
  switch (state) {
    case RunState.ANSWERED:
      return 'answered';
    case RunState.REFUSED:
      return 'refused';
    case RunState.CANCELLED:
      return 'cancelled';
    case RunState.TIMED_OUT:
      return 'timed_out';
    default:
      return 'failed';
  }
}

function intent(db: SqlDatabase, value: Intent, at: number): void {
  const { idempotencyKey: key, job } = value;
  db.run(
    `INSERT INTO calls (key, job, run, method, state, boot, params, startedAt, expiresAt)
     VALUES (?, ?, ?, ?, 'intent', ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING`,
    [
      key,
      job === key ? '' : job,
      textId(db, value.run),
      textId(db, value.method),
      textId(db, value.bootId),
      value.paramsSha256,
      at,
      ms(value.expireTime),
    ],
  );
}

function outcome(db: SqlDatabase, value: ToolOutcome, sequence: number, at: number): void {
  const answer = value.result?.answer.case;
  const state = answer === 'neverStarted' ? 'never' : answer === 'unknown' ? 'unknown' : 'done';
  const { idempotencyKey: key, job } = value;
  db.run(
    `INSERT INTO calls (key, job, run, method, state, params, outcomeIn, blob, endedAt, expiresAt)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (key) DO UPDATE SET state = excluded.state, outcomeIn = excluded.outcomeIn, blob = excluded.blob,
       endedAt = excluded.endedAt`,
    [
      key,
      job === key ? '' : job,
      textId(db, value.run || runOf(job)),
      textId(db, value.method),
      state,
      value.paramsSha256,
      sequence,
      value.blob,
      at,
      ms(value.expireTime),
    ],
  );
}

function grant(db: SqlDatabase, value: GrantMinted, sequence: number, at: number): void {
  db.run(
    `INSERT INTO grants (id, run, paths, recipients, capBytes, sequence, mintedAt, expiresAt) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO NOTHING`,
    [
      value.id,
      value.run,
      JSON.stringify(value.files.map((file) => file.path)),
      JSON.stringify(value.recipients),
      Number(value.capBytes),
      sequence,
      at,
      ms(value.expireTime),
    ],
  );
}

function ledger(db: SqlDatabase, entries: readonly Egress[], sequence: number, at: number): void {
  for (const [line, entry] of entries.entries()) {
    db.run(
      `INSERT INTO ledger (sequence, line, run, path, job, field, sensitivity, bytes, grantId, recipients, at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
      [
        sequence,
        line,
        textId(db, entry.run),
        textId(db, entry.path),
        entry.job.startsWith(entry.run) ? entry.job.slice(entry.run.length) : entry.job,
        textId(db, entry.field),
        entry.sensitivity,
        Number(entry.bytes),
        entry.grant ? textId(db, entry.grant) : null,
        textId(db, JSON.stringify(entry.recipients)),
        entry.createTime ? timestampMs(entry.createTime) : at,
      ],
    );
  }
}

/** Newer records stand before a checkpoint, so it only adds what is missing; calls it still holds now stand in it. */
function checkpoint(db: SqlDatabase, value: Checkpoint, sequence: number, at: number): void {
  const last = Number(value.sequence);
  for (const item of value.intents) intent(db, item, at);
  for (const item of value.standing) grant(db, item, sequence, at);
  for (const item of value.outcomes) {
    const known = db.get(`SELECT state, outcomeIn FROM calls WHERE key = ?`, [item.idempotencyKey]);
    if (!known || known.outcomeIn === null) outcome(db, item, sequence, at);
    else if (Number(known.outcomeIn) <= last) {
      db.run(`UPDATE calls SET outcomeIn = ? WHERE key = ?`, [sequence, item.idempotencyKey]);
    }
  }
  for (const { sequence: own, ask: asked, outcome: accepted } of value.asks) {
    if (!asked?.event) continue;
    ask(db, asked, Number(own), ms(asked.event.createTime) ?? at, sequence);
    if (accepted && !accepted.refused) {
      db.run(`UPDATE runs SET state = 'accepted' WHERE sequence = ? AND state = 'waiting'`, [Number(own)]);
    }
  }
}

function ms(time: Timestamp | undefined): number | null {
  return time ? timestampMs(time) : null;
}

/** The number of a text in `texts`. */
function textId(db: SqlDatabase, text: string): number {
  const known = db.get(`SELECT id FROM texts WHERE text = ?`, [text]);
  if (known) return Number(known.id);
  return Number(db.get(`INSERT INTO texts (text) VALUES (?) RETURNING id`, [text])?.id);
}

/** `run/step/index` begins with its run. */
function runOf(job: string): string {
  return job.split('/')[0] ?? '';
}
