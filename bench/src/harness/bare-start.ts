// The smallest program of Node: what no program of ours can be faster or smaller than.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { residentMb } from '../../../test/support/resident-memory.ts';

/** Milliseconds from its start to its end. */
export async function bareStart(): Promise<number> {
  const start = performance.now();
  await once(spawn(process.execPath, ['-e', '0'], { env: {}, stdio: 'ignore' }), 'exit');
  return performance.now() - start;
}

/** Milliseconds of processor time that it took until it could say so. */
export async function bareCpu(): Promise<number> {
  const program = 'const { user, system } = process.cpuUsage(); fs.writeSync(1, String(user + system))';
  const child = spawn(process.execPath, ['-e', program], { env: {}, stdio: ['ignore', 'pipe', 'inherit'] });
  return Number(await text(child.stdout)) / 1000;
}

/** Resident megabytes of one that does nothing. */
export async function bareResident(): Promise<number> {
  const program = 'fs.writeSync(1, "here"); setInterval(() => {}, 1e9)';
  const child = spawn(process.execPath, ['-e', program], { env: {}, stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const mb = residentMb(child.pid ?? -1);
  child.kill('SIGKILL');
  return mb;
}
