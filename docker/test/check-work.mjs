// Work goes on: spread over a pool, and whatever is taken away.
import { answered, callerOf } from './client.mjs';
import { bowline, CONTROL, containers, health, inspect, jsonOf, must, query, workersOf } from './project.mjs';
import { until } from './shell.mjs';

const threeOfWeb = (parts) =>
  parts.compose(['up', '-d', '--no-build', '--no-recreate', '--scale', 'worker-web=3', 'worker-web']);

export async function scale(parts) {
  await threeOfWeb(parts);
  await until('three web workers', async () => (await workersOf(parts, 'web')).length === 3);
  const caller = await callerOf(parts);
  const runs = await Promise.all(Array.from({ length: 24 }, (_, n) => caller.fetch(`http://pages:8080/?ms=1500&n=${n}`)));
  const targets = await targetsOf(parts, runs);
  must(targets.size === 3, `the work went to ${[...targets.keys()].join(', ')}`);
  caller.close();
  return `24 calls over ${[...targets].map(([name, count]) => `${name}: ${count}`).join(', ')}`;
}

/** A web worker is killed, or asked to stop, while it reads pages. */
const taken = (how, words) => async (parts) => {
  const caller = await callerOf(parts);
  const calls = Array.from({ length: 12 }, (_, n) => caller.fetch(`http://pages:8080/?ms=4000&${how}=${n}`));
  const busy = await until('a busy web worker', async () => (await workersOf(parts, 'web')).find((each) => each.busy > 0));
  await parts.docker([...words, busy.name]);
  const exit = await inspect(parts, busy.name, '{{.State.ExitCode}}');
  const runs = await Promise.all(calls);
  must(new Set(runs).size === 12, 'two calls got one run');
  caller.close();
  await parts.docker(['start', busy.name]);
  await until('three web workers again', async () => (await workersOf(parts, 'web')).length === 3);
  return { exit, told: `12 calls answered although ${busy.name} was ${how} with ${busy.busy} of them` };
};

export const killed = async (parts) => (await taken('killed', ['kill'])(parts)).told;

export async function stopped(parts) {
  const { exit, told } = await taken('stopped', ['stop', '-t', '40'])(parts);
  must(exit === '0', `a worker that is stopped ends with ${exit}`);
  return `${told}; it ended with 0`;
}

/** Both replicas are restarted one after the other while clients call without a pause. */
export async function rolling(parts) {
  const before = Number(await query(parts, 'select count(*) from run'));
  const caller = await callerOf(parts);
  let over = false;
  let calls = 0;
  const runs = [];
  const load = Promise.all(
    Array.from({ length: 6 }, async () => {
      while (!over) runs.push(await answered(caller, `rolling-${++calls}`));
    }),
  );
  // Its failure is thrown below; until then it must not end the test, which would leave all it started.
  load.catch(() => {
    over = true;
  });
  for (const replica of CONTROL) {
    await parts.compose(['restart', '-t', '40', replica]);
    const [id] = await containers(parts, replica);
    await until(`${replica} to be healthy`, async () => (await health(parts, id)) === 'healthy');
  }
  over = true;
  await load;
  must(new Set(runs).size === calls, `${calls} calls gave ${new Set(runs).size} runs`);
  const stored = Number(await query(parts, 'select count(*) from run')) - before;
  must(stored === calls, `${calls} calls, and ${stored} runs in the database`);
  await until('no run to be open', async () => (await query(parts, `select count(*) from run where state <> 'answered'`)) === '0');
  for (const pool of parts.pools)
    await until(`${pool} to be back`, async () => (await workersOf(parts, pool)).length > 0);
  caller.close();
  return `${calls} calls while both replicas were restarted: each answered, each one run in the database, none open`;
}

/** How many of the runs each worker had. */
async function targetsOf(parts, runs) {
  const targets = new Map();
  for (const run of runs) {
    const { jobs } = await jsonOf(bowline(parts, 'runs', 'show', run, '--json'));
    const name = jobs[0]?.target ?? 'nobody';
    targets.set(name, (targets.get(name) ?? 0) + 1);
  }
  return targets;
}

const ZERO = ['-f', 'compose.scale-to-zero.yaml'];

/** A pool that is declared goes to no worker, and the scaler brings one when a call waits for it. */
export async function pools(parts) {
  await parts.compose([...ZERO, 'up', '-d', '--no-build', ...CONTROL, 'worker-web']);
  await until('no web worker', async () => (await workersOf(parts, 'web')).length === 0);
  const scaler = await parts.scaler(ZERO);
  try {
    const told = await bowline(parts, 'call', 'web.Fetch', '--data', JSON.stringify({ url: 'http://pages:8080/' }));
    must(told.includes('港口周日关闭'), told);
    // Who answered was started for it, and goes when nothing waits.
    await until('no web worker again', async () => (await workersOf(parts, 'web')).length === 0);
  } finally {
    await scaler.stop();
  }
  await threeOfWeb(parts);
  return 'web went from 0 to 1 worker for a call, and back to 0';
}
