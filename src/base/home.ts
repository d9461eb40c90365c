// Where things lie in a home folder. Names paths only; it never creates or reads them.
import { createHash } from 'node:crypto';
import { homedir, tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';

/** The home: `--home`, else BOWLINE_HOME, else `~/.bowline`; always absolute. */
export function homeFolder(flag: string | undefined, env: Readonly<Record<string, string | undefined>>): string {
  return resolve(flag ?? (env.BOWLINE_HOME || join(homedir(), '.bowline')));
}

/** The longest path of a unix socket that Linux (108) and macOS (104) both take, with its terminating zero. */
const MAX_SOCKET_PATH = 100;

/** Every path of a home that more than one program knows. */
export function homePaths(home: string) {
  return {
    home,
    ownerKey: join(home, 'owner.key'),
    config: join(home, 'config.yaml'),
    models: join(home, 'models.yaml'),
    keys: join(home, 'keys'),
    llama: join(home, 'llama'),
    journal: join(home, 'journal'),
    blobs: join(home, 'blobs'),
    /** Calls that are at work now. */
    inHand: join(home, 'in-hand'),
    index: join(home, 'state.db'),
    summaries: join(home, 'summaries.json'),
    device: join(home, 'device.json'),
    control: join(home, 'control'),
    /** What `up` or `control` wrote when it was ready: where the control plane listens. */
    controlInfo: join(home, 'control', 'ready.json'),
    logs: join(home, 'logs'),
    socket: socketPath(home),
  } as const;
}

/** The owner's socket: in the home, or where that path is too long, in a private folder named after the home. */
export function socketPath(home: string): string {
  const path = join(home, 'edge.sock');
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH) return path;
  const name = createHash('sha256').update(home).digest('hex').slice(0, 16);
  return join(tmpdir(), `bowline-${userInfo().uid}`, `${name}.sock`);
}
