// A program of its own for tests: opens isolation as a worker does, runs one shell script, and prints what it found and how that ended
// as two lines of JSON. Usage: node sandbox-once.ts SCRIPT [ARGUMENT...]
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { openIsolation } from '../../src/worker/isolation/open-isolation.ts';

const [script = 'true', ...args] = process.argv.slice(2);
const isolation = await openIsolation({ clock: systemClock, log: silentLogger });
process.stdout.write(`${JSON.stringify(isolation.facts)}\n`);
let out = '';
const end = await isolation.run(
  {
    argv: ['/bin/sh', '-c', script, 'sh', ...args],
    mounts: [{ from: process.execPath, to: '/opt/bin/node' }],
    limits: {
      wallMs: 60_000,
      cpuMs: 60_000,
      memoryBytes: 256 << 20,
      processes: 32,
      outputBytes: 10_000,
      diskBytes: 1 << 20,
    },
    onOutput: (_, data) => {
      out += data.toString();
    },
  },
  new AbortController().signal,
);
process.stdout.write(`${JSON.stringify({ ...end, out })}\n`);
