// kill -9 of the edge during a tool call, of the worker during a chat, of the control plane during a run, on the embedded
// database: every accepted ask ends in one answer, and no effect happens twice. BOWLINE_CHAOS_SEED plays one kill again,
// BOWLINE_CHAOS_KILLS says how many there are.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { JobState, RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import { KillChaos, VICTIMS } from '../support/kill-chaos.ts';

const FIXED = process.env.BOWLINE_CHAOS_SEED;
const KILLS = FIXED === undefined ? Number(process.env.BOWLINE_CHAOS_KILLS ?? 8) : 1;
const FIRST = Number(FIXED ?? Math.floor(Math.random() * 1e6) * VICTIMS.length);

let chaos: KillChaos;

beforeAll(async () => {
  chaos = await KillChaos.start();
}, 120_000);

afterAll(() => chaos?.close());

test(`${KILLS} kills, the first with seed ${FIRST}`, async () => {
  for (let kill = 0; kill < KILLS; kill++) {
    const seed = FIRST + kill;
    const victim = VICTIMS[seed % VICTIMS.length] ?? 'edge';
    // Said before it begins, so that it can be played again whatever happens.
    console.log(`kill ${kill + 1}: seed ${seed}, the ${victim}`);
    console.log(`  ${await chaos.round(seed, victim)}`);
  }

  const texts = await chaos.texts();
  const [written, run] = [chaos.lines('docs/log.txt'), chaos.lines('ran.txt')];
  for (const ask of chaos.asks) {
    expect([...ask.runs], ask.text).toHaveLength(1);
    expect(ask.ended?.outcome?.state, ask.text).toBe(RunState.ANSWERED);
    expect(texts.filter((text) => text === ask.text)).toHaveLength(1);
    const recorded = await chaos.recorded([...ask.runs][0] ?? '');
    expect(recorded?.outcome?.answer).toBe(ask.ended?.outcome?.answer);
    if (ask.line === undefined) continue;
    const times = written.get(ask.line) ?? 0;
    expect(times, ask.line).toBeLessThanOrEqual(1);
    const write = recorded?.jobs.find(({ method }) => method.endsWith('/Write'));
    if (write?.state === JobState.DONE) expect(times, ask.line).toBe(1);
  }
  for (const { line, outcomes } of chaos.calls) {
    // A repeat never gets another answer than the first.
    const [outcome, again] = outcomes;
    expect(again, line).toBe(outcome);
    const times = (line.startsWith('run') ? run : written).get(line) ?? 0;
    expect(times, `${line}: ${outcome}`).toBeLessThanOrEqual(1);
    if (outcome === 'done') expect(times, line).toBe(1);
  }
  const done = chaos.calls.filter(({ outcomes }) => outcomes[0] === 'done').length;
  console.log(
    `${chaos.asks.length} asks answered; ${done} of ${chaos.calls.length} calls done, the others never started or unknown`,
  );
  expect(done).toBeGreaterThan(0);

  const verified = await chaos.stack.cli(['journal', 'verify']);
  expect(verified, verified.stderr).toMatchObject({ code: 0 });
}, 600_000);
