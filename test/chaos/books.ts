// The books of money as they stand in the tables, read by SQL of the harness's own, and what must hold of them. The judgement is pure.
import type pg from 'pg';
import type { Billed } from '../support/slow-model.ts';

/** One look at one moment: all of it is from one statement. Money in millionths. */
export interface Look {
  readonly limit: number;
  readonly spent: number;
  readonly reserved: number;
  /** The sum of the reservations that are held, and of those whose worst case was charged. */
  readonly held: number;
  readonly lapsed: number;
  /** The sum of the ledger. */
  readonly ledger: number;
}

export interface LedgerRow {
  readonly run: string;
  readonly micros: number;
  readonly estimated: boolean;
}

export interface HeldRow {
  readonly run: string;
  readonly micros: number;
  readonly lapsed: boolean;
}

export interface Books {
  readonly look: Look;
  readonly ledger: readonly LedgerRow[];
  readonly reservations: readonly HeldRow[];
}

const LOOK = `select b.limit_micros::float8 as limit, p.spent_micros::float8 as spent, p.reserved_micros::float8 as reserved,
    (select coalesce(sum(r.micros), 0)::float8 from reservation r where r.budget = b.id and not r.lapsed) as held,
    (select coalesce(sum(r.micros), 0)::float8 from reservation r where r.budget = b.id and r.lapsed) as lapsed,
    (select coalesce(sum(u.cost_micros), 0)::float8 from ledger_usage u where u.at >= p.start) as ledger
  from budget b join budget_period p on p.tenant = b.tenant and p.budget = b.id
  where b.id = $1`;

export async function lookAt(sql: pg.Client, budget: string): Promise<Look | undefined> {
  return (await sql.query<Look>(LOOK, [budget])).rows[0];
}

export async function readBooks(sql: pg.Client, budget: string): Promise<Books> {
  const look = await lookAt(sql, budget);
  if (!look) throw new Error(`there is no budget ${budget}`);
  const ledger = 'select run, cost_micros::float8 as micros, estimated from ledger_usage order by at';
  const held =
    "select split_part(dispatch_id, '/', 1) as run, micros::float8 as micros, lapsed from reservation where budget = $1";
  return {
    look,
    ledger: (await sql.query<LedgerRow>(ledger)).rows,
    reservations: (await sql.query<HeldRow>(held, [budget])).rows,
  };
}

/** What does not hold at a moment. `billed` is what the provider had on its bill before the look. */
export function wrongAt({ limit, spent, reserved, held, lapsed, ledger }: Look, billed: number): string[] {
  const wrong: string[] = [];
  if (spent + reserved > limit) wrong.push(`${spent} is spent and ${reserved} reserved of ${limit}`);
  if (billed > spent + reserved) wrong.push(`${billed} is on the bill, and ${spent} spent and ${reserved} reserved`);
  if (reserved !== held) wrong.push(`${reserved} is reserved, and the reservations are ${held}`);
  if (spent !== ledger + lapsed) wrong.push(`${spent} is spent, and the ledger has ${ledger} and ${lapsed} lapsed`);
  return wrong;
}

/**
 * What does not hold when all is over. Each row of the ledger stands on the bill, as a request of its own; what is only on the bill is
 * covered by a worst case that was charged, or by a row that its worker estimated.
 * @param questions by run
 */
export function wrongAtLast(books: Books, bill: readonly Billed[], questions: ReadonlyMap<string, string>): string[] {
  const total = bill.reduce((sum, { micros }) => sum + micros, 0);
  const wrong = wrongAt(books.look, total);
  const held = books.reservations.filter(({ lapsed }) => !lapsed);
  if (held.length > 0) wrong.push(`reserved for ever: ${held.map(({ run }) => run).join(', ')}`);
  const open = new Map<string, number[]>();
  for (const { question, micros } of bill) open.set(question, [...(open.get(question) ?? []), micros]);
  /** What may pay for what the ledger does not have. */
  const cover = new Map<string, number[]>();
  const covers = (question: string, micros: number) =>
    cover.set(
      question,
      [...(cover.get(question) ?? []), micros].sort((a, b) => b - a),
    );
  for (const { run, micros, estimated } of books.ledger) {
    const question = questions.get(run) ?? '';
    if (estimated) covers(question, micros);
    else if (!take(open.get(question), micros)) wrong.push(`${run} was charged ${micros}, which nobody billed`);
  }
  for (const { run, micros, lapsed } of books.reservations) if (lapsed) covers(questions.get(run) ?? '', micros);
  for (const [question, rest] of open) {
    for (const micros of rest.sort((a, b) => b - a)) {
      const best = cover.get(question)?.shift();
      if (best === undefined) wrong.push(`${micros} was billed for ${question}, and nobody was charged`);
    }
  }
  return wrong;
}

function take(from: number[] | undefined, micros: number): boolean {
  const at = from?.indexOf(micros) ?? -1;
  if (at < 0) return false;
  from?.splice(at, 1);
  return true;
}
