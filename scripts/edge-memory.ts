// Prints the resident memory of a real edge, idle and after tool calls, beside a bare Node process in the same run. Exit code 1
// when the edge takes more than LIMIT times the bare process.
// Usage: node scripts/edge-memory.ts [calls]
import { measureEdgeMemory } from '../test/support/edge-memory.ts';

const LIMIT = 1.65;
const IDLE_MS = 5_000;

const calls = Number(process.argv[2] ?? 2_000);
const { bare, idle, after, rested, peak, callsPerSecond } = await measureEdgeMemory({ calls, idleMs: IDLE_MS });
const ratio = Math.max(after, rested) / bare;
const row = (what: string, mb: number) =>
  `${what.padEnd(34)} ${mb.toFixed(1).padStart(6)} MB  ${(mb / bare).toFixed(2)}x\n`;
process.stdout.write(row('bare Node, no flags', bare));
process.stdout.write(row(`edge, idle ${IDLE_MS / 1000} s`, idle));
process.stdout.write(row(`edge, after ${calls} tool calls`, after));
process.stdout.write(row(`edge, ${IDLE_MS / 1000} s later`, rested));
process.stdout.write(`peak of the edge ${peak.toFixed(1)} MB; ${callsPerSecond.toFixed(0)} calls a second\n`);
process.stdout.write(`ratio ${ratio.toFixed(2)}, at most ${LIMIT}: ${ratio <= LIMIT ? 'ok' : 'TOO MUCH'}\n`);
process.exitCode = ratio <= LIMIT ? 0 : 1;
