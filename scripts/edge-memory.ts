// Prints the resident memory of a real edge, idle, after tool calls and with its index open, beside a bare Node process in the same
// run. Exit code 1 when the edge takes more than its LIMITS times the bare process.
// Usage: node scripts/edge-memory.ts [calls]
import { edgeLooks, MeasuredEdge } from '../bench/src/harness/measured-edge.ts';

const LIMITS = { idle: 1.6, after: 1.65, indexed: 1.75 };
const REST_MS = 5_000;

const calls = Number(process.argv[2] ?? 2_000);
const edge = await MeasuredEdge.start();
try {
  const { bare, ...looks } = await edgeLooks(edge, calls, REST_MS);
  const row = (what: string, mb: number, limit?: number) => {
    const verdict = limit === undefined ? '' : `, at most ${limit}: ${mb <= limit * bare ? 'ok' : 'TOO MUCH'}`;
    process.stdout.write(`${what.padEnd(34)} ${mb.toFixed(1).padStart(6)} MB  ${(mb / bare).toFixed(2)}x${verdict}\n`);
    return limit === undefined || mb <= limit * bare;
  };
  row('bare Node, no flags', bare);
  const fits = [
    row('edge, idle', looks.idle, LIMITS.idle),
    row(`edge, after ${calls} tool calls`, looks.after, LIMITS.after),
    row('edge, with its index open', looks.indexed, LIMITS.indexed),
  ];
  process.exitCode = fits.every(Boolean) ? 0 : 1;
} finally {
  await edge.close();
}
