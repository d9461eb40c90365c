// A small scaler for one machine: reads how many workers each declared pool is to have, and lets compose start and stop them. In docker/:
//
//   docker compose -f compose.yaml -f compose.scale-to-zero.yaml up -d
//   COMPOSE_FILE=compose.yaml:compose.scale-to-zero.yaml node scale-pools.mjs
//
// A pool is the service worker-POOL. It grows at once, and shrinks when less was wanted for a while; what a worker holds that is stopped it
// finishes or gives back. Where the metrics cannot be read nothing changes.
//   COMPOSE="docker compose"   the program      REPLICA=control-a   whose metrics are read
//   EVERY=5  COOL=60           seconds between looks, and before a pool shrinks
import { execFile } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

/** How many workers each pool is to have, from the text of the metrics. */
export function wantedOf(text) {
  const lines = text.matchAll(/^bowline_pool_wanted\{(?:[^}]*,)?pool="((?:[^"\\]|\\.)*)"[^}]*\} (\d+)/gm);
  return new Map([...lines].map(([, pool, count]) => [pool, Number(count)]));
}

/** `read` gives the text of the metrics; `scale(pool, count)` makes it so. Its `look` is one round; it throws nothing. */
export function poolScaler({ read, scale, coolMs, now = () => performance.now(), say = () => {} }) {
  const pools = new Map();
  const look = async () => {
    let wanted;
    try {
      wanted = wantedOf(await read());
    } catch (error) {
      return say(`the metrics cannot be read: ${error.message}`);
    }
    for (const [name, count] of wanted) {
      const pool = pools.get(name) ?? { has: undefined, enough: now() };
      pools.set(name, pool);
      // Until when what it has was wanted.
      if (pool.has === undefined || count >= pool.has) pool.enough = now();
      if (count === pool.has || (count < pool.has && now() - pool.enough < coolMs)) continue;
      try {
        await scale(name, count);
        say(`pool ${name}: ${pool.has ?? '?'} -> ${count}`);
        pool.has = count;
        pool.enough = now();
      } catch (error) {
        say(`pool ${name} could not be scaled to ${count}: ${error.message}`);
      }
    }
  };
  return { look };
}

/** Inside the replica: its listener of metrics needs its key, has its certificate, and is reached by nobody else. */
const READ = `const control = new URL(process.env.BOWLINE_CONTROL);
const authorization = 'Bearer ' + require('fs').readFileSync('/var/lib/bowline/control/metrics.key', 'utf8').trim();
const from = { host: '127.0.0.1', port: process.env.BOWLINE_METRICS_PORT, path: '/metrics', servername: control.hostname };
require(control.protocol.slice(0, -1)).get({ ...from, headers: { authorization } }, (answer) => {
  if (answer.statusCode !== 200) throw new Error('status ' + answer.statusCode);
  answer.pipe(process.stdout);
});`;

async function main({ COMPOSE = 'docker compose', REPLICA = 'control-a', EVERY = '5', COOL = '60' }) {
  const [program, ...before] = COMPOSE.split(' ');
  const compose = async (...words) => (await promisify(execFile)(program, [...before, ...words], { maxBuffer: 16 << 20 })).stdout;
  const { look } = poolScaler({
    read: () => compose('exec', '-T', REPLICA, '/opt/bowline/node_modules/.bin/node', '-e', READ),
    scale: (pool, count) => compose('up', '-d', '--no-build', '--no-recreate', '--no-deps', '--scale', `worker-${pool}=${count}`, `worker-${pool}`),
    coolMs: Number(COOL) * 1000,
    say: (line) => process.stdout.write(`${line}\n`),
  });
  for (;;) {
    await look();
    await new Promise((resolve) => setTimeout(resolve, Number(EVERY) * 1000));
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await main(process.env);
