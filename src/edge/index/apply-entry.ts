// Writes one journal entry into the tables. Pure of files and clocks; the same entries give the same rows.
import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { AskRecord } from '../../../gen/bowline/journal/v1/journal_pb.ts';
import type { Egress } from '../../../gen/bowline/run/v1/run_pb.ts';
import type { Entry } from '../journal/records.ts';
import type { SqlDatabase } from './database.ts';

/** Adds what the entry says. Entries come in order, each once. */
export function applyEntry(db: SqlDatabase, { sequence, at, record }: Entry): void {
  switch (record.case) {
    case 'ask':
      addAsk(db, record.value, sequence);
      ledger(db, record.value.egress, sequence, at);
      break;
    case 'askOutcome':
      if (record.value.refused) db.run(`UPDATE runs SET open = 0 WHERE sequence = ?`, [Number(record.value.sequence)]);
      break;
    case 'runAnswered':
      db.run(`UPDATE runs SET open = 0, endedIn = ? WHERE run = ? AND endedIn IS NULL`, [sequence, record.value.run]);
      if (record.value.withdrawn) db.run(`UPDATE runs SET requestId = '' WHERE run = ?`, [record.value.run]);
      break;
    case 'toolOutcome':
      ledger(db, record.value.egress, sequence, at);
      break;
    case 'ledger':
      ledger(db, record.value.entries, sequence, at);
      break;
    case 'checkpoint':
      // Newer records stand before a checkpoint, so it only adds what is missing.
      for (const { sequence: own, ask } of record.value.asks) if (ask) addAsk(db, ask, Number(own));
      break;
    case 'cancel':
    case 'intent':
    case 'toolRefused':
    case 'toolSettled':
    case 'grantMinted':
    case 'grantEnded':
    case 'started':
    case 'sessionOpened':
    case 'clockSet':
      break;
  }
}

function addAsk(db: SqlDatabase, { ask, requestId }: AskRecord, own: number): void {
  if (!ask) return;
  db.run(`INSERT INTO runs (sequence, run, conversation, requestId) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`, [
    own,
    ask.run,
    ask.conversation,
    requestId,
  ]);
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

/** The number of a text in `texts`. */
function textId(db: SqlDatabase, text: string): number {
  const known = db.get(`SELECT id FROM texts WHERE text = ?`, [text]);
  if (known) return Number(known.id);
  return Number(db.get(`INSERT INTO texts (text) VALUES (?) RETURNING id`, [text])?.id);
}
