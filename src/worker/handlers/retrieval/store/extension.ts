// Sees to it that the database has pgvector, and says who must do what where it has not.
import type { Pool } from 'pg';
import { AppError } from '../../../../base/errors.ts';
import { sqlState } from '../../../../base/postgres.ts';

/** Iterative scans of an index, without which a filter would lose hits, came with this one. */
const LEAST = [0, 8] as const;

/** Throws RETRIEVAL_UNAVAILABLE when the extension is not there and this user cannot make it, or when it is too old. */
export async function requireVector(pool: Pool): Promise<void> {
  const { rows } = await pool.query<{ base: string; who: string; offered: string | null; installed: string | null }>(`
    select current_database() as base, current_user as who,
      (select default_version from pg_available_extensions where name = 'vector') as offered,
      (select extversion from pg_extension where extname = 'vector') as installed`);
  const { base, who, offered, installed } = rows[0]!;
  if (installed === null) await createVector(pool, base, who, offered);
  const version = installed ?? offered ?? '';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > LEAST[0] || (major === LEAST[0] && minor >= LEAST[1])) return;
  throw unavailable(
    `its pgvector is ${version}, and ${LEAST.join('.')} or later is needed; whoever runs the server must install that, then run: alter extension vector update`,
  );
}

async function createVector(pool: Pool, base: string, who: string, offered: string | null): Promise<void> {
  if (offered === null) {
    throw unavailable(
      'the server has no pgvector; whoever runs it must install it (in Debian the package postgresql-NN-pgvector, in Docker the image pgvector/pgvector), then run in this database: create extension vector',
    );
  }
  try {
    await pool.query('create extension if not exists vector');
  } catch (error) {
    // Another worker was a moment faster.
    if (sqlState(error) === '23505' || sqlState(error) === '42710') return;
    if (sqlState(error) !== '42501') throw error;
    throw unavailable(
      `the user ${who} may not make the extension pgvector; a superuser must run in the database ${base}: create extension vector`,
      error,
    );
  }
}

const unavailable = (problem: string, cause?: unknown) => new AppError('RETRIEVAL_UNAVAILABLE', { problem }, { cause });
