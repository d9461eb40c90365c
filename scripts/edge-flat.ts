// Shows whether the memory of a real edge stays where it is: it idles, is called in between, and must end within LIMIT of
// what it had in its first hour. Exit code 1 when it does not.
// Usage: node scripts/edge-flat.ts [hours] [calls] [index]
// With `index` its owner asks what left the box first, so that its index is open from the beginning.
// Prints a line for every 24th of the time, at the beginning of which a 24th of the calls is made. Compared are the medians of all looks
// of the first and of the last.
import { setTimeout as wait } from 'node:timers/promises';
import { MeasuredEdge } from '../bench/src/harness/measured-edge.ts';
import { median } from '../bench/src/harness/stats.ts';

/** Megabytes. */
const LIMIT = 3;
const PARTS = 24;
/** So often is it looked at, at the least. */
const LOOK_MS = 5_000;

const hours = Number(process.argv[2] ?? 24);
const calls = Number(process.argv[3] ?? 20_000);
if (!(hours > 0 && calls >= 0)) {
  process.stderr.write('usage: node scripts/edge-flat.ts [hours] [calls]\n');
  process.exit(2);
}
const partMs = (hours * 3_600_000) / PARTS;
const edge = await MeasuredEdge.start();
const began = performance.now();
const since = () => performance.now() - began;
try {
  if (process.argv[4] === 'index') await edge.askIndex();
  const line = (cells: readonly string[]) =>
    process.stdout.write(`${cells.map((cell) => cell.padStart(12)).join('')}\n`);
  line(['minutes', 'calls', 'least MB', 'median MB', 'most MB']);
  let first = Number.NaN;
  let last = Number.NaN;
  for (let part = 1; part <= PARTS; part++) {
    const seen: number[] = [edge.resident];
    const share = (upTo: number) => Math.floor((calls * upTo) / PARTS);
    const working = edge.use(share(part) - share(part - 1));
    let busy = true;
    void working.finally(() => {
      busy = false;
    });
    while (busy || since() < part * partMs) {
      await wait(Math.min(LOOK_MS, partMs / 4));
      seen.push(edge.resident);
    }
    await working;
    last = median(seen);
    if (part === 1) first = last;
    line([
      (since() / 60_000).toFixed(1),
      String(share(part)),
      ...[Math.min(...seen), last, Math.max(...seen)].map((mb) => mb.toFixed(1)),
    ]);
  }
  const grown = last - first;
  const ok = grown <= LIMIT;
  process.stdout.write(
    `${grown >= 0 ? '+' : ''}${grown.toFixed(1)} MB since its first 24th (${first.toFixed(1)} MB), at most +${LIMIT}: ${ok ? 'ok' : 'TOO MUCH'}\n`,
  );
  process.exitCode = ok ? 0 : 1;
} finally {
  await edge.close();
}
