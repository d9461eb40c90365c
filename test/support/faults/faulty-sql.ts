// Errors as a Postgres server gives them, on any statement of an open database, by a seed: before the statement is run, or
// instead of its answer. It leaves transactions alone, whose half a real server would undo.
import type { ClientBase } from 'pg';
import pg from 'pg';
import type { Database } from '../../../src/control/store/database.ts';
import { seeded } from '../seeded.ts';

/** What may pass by itself or by someone's hand, and says nothing of the statement: SQLSTATE and severity. */
export const PASSING: readonly (readonly [code: string, severity: 'ERROR' | 'FATAL'])[] = [
  ['08006', 'FATAL'],
  ['08P01', 'FATAL'],
  ['0A000', 'ERROR'],
  ['22023', 'FATAL'],
  ['25006', 'ERROR'],
  ['26000', 'ERROR'],
  ['28000', 'FATAL'],
  ['28P01', 'FATAL'],
  ['3D000', 'FATAL'],
  ['40001', 'ERROR'],
  ['40P01', 'ERROR'],
  ['42501', 'ERROR'],
  ['42501', 'FATAL'],
  ['42P01', 'ERROR'],
  ['53100', 'ERROR'],
  ['53300', 'FATAL'],
  ['55000', 'FATAL'],
  ['55P03', 'ERROR'],
  ['57P01', 'FATAL'],
  ['57P03', 'FATAL'],
  ['58030', 'ERROR'],
  ['XX000', 'ERROR'],
];

export interface SqlFaults {
  readonly seed: number;
  /** Shares of statements, from 0 to 1. */
  readonly before: number;
  readonly after: number;
}

export interface FaultySql {
  /** How often each SQLSTATE was given. */
  readonly played: ReadonlyMap<string, number>;
  /** From now on every statement passes. */
  heal(): void;
}

export const sqlError = (code: string, severity = 'ERROR'): Error =>
  Object.assign(new pg.DatabaseError(`injected ${code}`, 0, 'error'), { code, severity });

type Callback = (error: unknown, result?: unknown) => void;

export function faultySql({ pool, commitPool }: Pick<Database, 'pool' | 'commitPool'>, faults: SqlFaults): FaultySql {
  const random = seeded(faults.seed);
  const played = new Map<string, number>();
  const wrapped = new WeakSet<object>();
  let healed = false;
  const next = (): Error => {
    const [code, severity] = PASSING[Math.floor(random() * PASSING.length)]!;
    played.set(code, (played.get(code) ?? 0) + 1);
    return sqlError(code, severity);
  };
  const wrap = (client: ClientBase) => {
    if (wrapped.has(client)) return;
    wrapped.add(client);
    const query = client.query.bind(client) as (...words: unknown[]) => unknown;
    let within = false;
    const faulty = (...words: unknown[]): unknown => {
      const text = textOf(words[0]);
      if (/^\s*(begin|start transaction)/i.test(text)) within = true;
      const spared = within || healed;
      if (/^\s*(commit|rollback)/i.test(text)) within = false;
      const roll = random();
      if (spared || roll >= faults.before + faults.after) return query(...words);
      const error = next();
      const callback = words.at(-1);
      if (roll < faults.before) {
        if (typeof callback !== 'function') return Promise.reject(error);
        setImmediate(() => (callback as Callback)(error));
        return undefined;
      }
      if (typeof callback === 'function') return query(...words.slice(0, -1), () => (callback as Callback)(error));
      return (query(...words) as Promise<unknown>).then(() => Promise.reject(error));
    };
    Object.assign(client, { query: faulty });
  };
  for (const each of new Set([pool, commitPool])) each.on('acquire', wrap);
  return {
    played,
    heal: () => {
      healed = true;
    },
  };
}

const textOf = (statement: unknown): string =>
  typeof statement === 'string' ? statement : ((statement as { text?: string } | null)?.text ?? '');
