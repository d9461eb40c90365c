// The smallest program of Node, from its start to its end: what no program of ours can be faster than.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** In milliseconds. */
export async function bareStart(): Promise<number> {
  const start = performance.now();
  await once(spawn(process.execPath, ['-e', '0'], { env: {}, stdio: 'ignore' }), 'exit');
  return performance.now() - start;
}
