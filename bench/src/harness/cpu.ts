// CPU time of processes, from /proc: what a run costs, whatever else the machine is doing.
import { readdirSync, readFileSync } from 'node:fs';
import { Client } from 'pg';

/** Milliseconds of one tick of /proc; 100 a second on every Linux that Node runs on. */
const TICK_MS = 10;

/** User and system time of a process and its descendants since they started, in milliseconds; in steps of 10. */
export function cpuMs(root: number): number {
  const children = new Map<number, number[]>();
  const spent = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const fields = statOf(Number(name));
    if (!fields) continue;
    const parent = Number(fields[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    // utime, stime, and those of children that ended.
    spent.set(Number(name), [11, 12, 13, 14].reduce((sum, i) => sum + Number(fields[i]), 0) * TICK_MS);
  }
  const sum = (pid: number): number =>
    (spent.get(pid) ?? 0) + (children.get(pid) ?? []).reduce((total, child) => total + sum(child), 0);
  return sum(root);
}

/** The process that all others of a Postgres server descend from. */
export async function postmaster(url: string): Promise<number> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    return Number(statOf(rows[0]?.pid ?? -1)?.[1] ?? -1);
  } finally {
    await client.end();
  }
}

/** The fields after the name, from the state on. */
function statOf(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
