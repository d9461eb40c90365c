// Shows that nothing grows for ever: two replicas on a real Postgres and Redis work at a steady load with retention set to minutes. Tables,
// memory and latencies must level off. Exit code 1 when one does not.
// Usage: node scripts/soak.ts [minutes] [runs a second]
// Compared are the medians of the last quarter and of the one before it; the first half is for filling up.
import { setTimeout as wait } from 'node:timers/promises';
import { Client } from 'pg';
import { Inspector } from '../bench/src/harness/inspector.ts';
import { Lab, startControl } from '../bench/src/harness/lab.ts';
import { median, percentile } from '../bench/src/harness/stats.ts';
import { newId } from '../src/base/ids.ts';
import { freePort } from '../test/support/free-port.ts';
import { residentMb } from '../test/support/resident-memory.ts';

const KEEP = {
  BOWLINE_KEEP_RUNS: '3m',
  BOWLINE_KEEP_CONVERSATIONS: '3m',
  BOWLINE_KEEP_COMMANDS: '3m',
  BOWLINE_KEEP_USAGE: '3m',
  BOWLINE_KEEP_AUDIT: '3m',
  BOWLINE_KEEP_REMOVED: '5m',
  // So that the caches are full within minutes, too.
  BOWLINE_CACHED_RUNS: '500',
};
/** The last quarter may have so much more than the one before it: the machine is not alone, and a vacuum comes when it comes. */
const MOST = { rows: 1.1, bytes: 1.15, live: 1.05, memory: 1.05, p50: 1.3 };
const LOOK_MS = 60_000;
/** Long conversations of each edge. */
const LINES = 8;
const ASKS = ['hello', 'hello', 'tool'];

const minutes = Number(process.argv[2] ?? 30);
const perSecond = Number(process.argv[3] ?? 24);
if (!(minutes >= 4 && perSecond > 0)) {
  process.stderr.write('usage: node scripts/soak.ts [minutes, at least 4] [runs a second]\n');
  process.exit(2);
}

interface Look {
  readonly minute: number;
  readonly runs: number;
  readonly p50: number;
  readonly p95: number;
  /** What the process has of the machine, garbage included. */
  readonly memory: number;
  /** Objects that are left after a full collection. */
  readonly live: number;
  readonly rows: Readonly<Record<string, number>>;
  readonly bytes: Readonly<Record<string, number>>;
}

const lab = new Lab();
const looks: Look[] = [];
try {
  const database = await lab.database('soak');
  const redis = await lab.redis();
  const pids: number[] = [];
  const ports: number[] = [];
  const edges = [];
  for (let n = 0; n < 2; n++) {
    const stack = await lab.stack();
    Object.assign(stack.env, KEEP, { DATABASE_URL: database, REDIS_URL: redis.url, BOWLINE_REDIS_PREFIX: 'soak' });
    const port = await freePort();
    stack.env.NODE_OPTIONS = `--inspect=127.0.0.1:${port}`;
    pids.push((await startControl(stack)).pid);
    delete stack.env.NODE_OPTIONS;
    ports.push(port);
    edges.push((await lab.pair(stack.url, stack))[0]);
  }
  const client = new Client({ connectionString: database });
  await client.connect();
  const count = async (sql: string) =>
    Object.fromEntries(
      (await client.query<{ name: string; n: string }>(sql)).rows.map(({ name, n }) => [name, Number(n)]),
    );
  const names = Object.keys(await count(TABLES()));
  const lines = edges.map(() => Array.from({ length: LINES }, newId));
  line([
    'minute',
    'runs',
    'p50 ms',
    'p95 ms',
    'MB',
    'live MB',
    'runs kept',
    'events',
    'commands',
    'usage',
    'database MB',
  ]);
  for (let minute = 1; minute <= minutes; minute++) {
    const args = { asks: ASKS, perSecond: perSecond / edges.length, ms: LOOK_MS };
    const times = (
      await Promise.all(edges.map((edge, n) => edge.call<number[]>('steady', { ...args, lines: lines[n] })))
    ).flat();
    const look: Look = {
      minute,
      runs: times.length,
      p50: median(times),
      p95: percentile(times, 95),
      memory: pids.reduce((sum, pid) => sum + residentMb(pid), 0),
      live: await liveMb(ports),
      rows: await count(
        names.map((name) => `select '${name}' as name, count(*) as n from ${name}`).join(' union all '),
      ),
      bytes: await count(TABLES()),
    };
    looks.push(look);
    const { rows, bytes } = look;
    const whole = Object.values(bytes).reduce((sum, n) => sum + n, 0);
    line([
      minute,
      look.runs,
      look.p50.toFixed(1),
      look.p95.toFixed(1),
      look.memory.toFixed(0),
      look.live.toFixed(1),
      rows.run,
      rows.events,
      rows.inbox,
      rows.ledger_usage,
      (whole / 2 ** 20).toFixed(1),
    ]);
  }
  await client.end();
  judge();
  await wait(0);
} finally {
  await lab.close();
}

function TABLES(): string {
  return `select relname as name, pg_total_relation_size(oid) as n from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`;
}

async function liveMb(ports: readonly number[]): Promise<number> {
  let live = 0;
  for (const port of ports) {
    const inspector = await Inspector.attach(port);
    live += (await inspector.memory()).heapUsed / 2 ** 20;
    inspector.close();
  }
  return live;
}

function line(cells: readonly unknown[]): void {
  process.stdout.write(`${cells.map((cell) => String(cell).padStart(12)).join('')}\n`);
}

/** Says of each table and figure what it was in the last two quarters, and whether it grew by too much. */
function judge(): void {
  const quarter = Math.floor(looks.length / 4);
  const [before, last] = [looks.slice(-2 * quarter, -quarter), looks.slice(-quarter)];
  const table = Object.keys(last[0]!.rows).sort();
  const figures: [string, (look: Look) => number, number][] = [
    ['p50 ms', ({ p50 }) => p50, MOST.p50],
    ['live objects of the replicas, MB', ({ live }) => live, MOST.live],
    ['memory of the replicas, MB', ({ memory }) => memory, MOST.memory],
    ...table.map((name): [string, (look: Look) => number, number] => [
      `rows of ${name}`,
      ({ rows }) => rows[name] ?? 0,
      MOST.rows,
    ]),
    ...table.map((name): [string, (look: Look) => number, number] => [
      `bytes of ${name}`,
      ({ bytes }) => bytes[name] ?? 0,
      MOST.bytes,
    ]),
  ];
  for (const [what, of, most] of figures) {
    const [was, is] = [median(before.map(of)), median(last.map(of))];
    // A few rows more of what is few are no growth.
    const ok = is <= was * most + (what.startsWith('rows') ? 50 : what.startsWith('bytes') ? 262_144 : 2);
    if (!ok) process.exitCode = 1;
    if (was + is > 0)
      process.stdout.write(
        `${what.padEnd(40)}${was.toFixed(1).padStart(14)}${is.toFixed(1).padStart(14)}  ${ok ? 'ok' : 'GREW'}\n`,
      );
  }
}
