// Where things lie in a home folder. Names paths only; it never creates or reads them.
import { userInfo } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { AppError } from './errors.ts';

/** The home: `--home`, else BOWLINE_HOME, else `~/.bowline`; always absolute. Throws USAGE. */
export function homeFolder(flag: string | undefined, env: Readonly<Record<string, string | undefined>>): string {
  return resolve(flag ?? (env.BOWLINE_HOME || join(userHome(env), '.bowline')));
}

/** The user's own folder. Throws USAGE where neither the environment nor the system knows one. */
export function userHome(env: Readonly<Record<string, string | undefined>>): string {
  if (env.HOME) return env.HOME;
  let known = '';
  try {
    known = userInfo().homedir;
  } catch {
    // This user has no entry in the system's list.
  }
  if (isAbsolute(known)) return known;
  throw new AppError('USAGE', { what: 'this user has no home folder: set HOME, or say --home FOLDER (BOWLINE_HOME)' });
}

/** A path whose leading `~/` the shell left as it is. */
export const expandHome = (path: string, env: Readonly<Record<string, string | undefined>>): string =>
  path === '~' || path.startsWith('~/') ? join(userHome(env), path.slice(1)) : path;

export type HomePaths = ReturnType<typeof homePaths>;

/** Every path of a home that more than one program knows. */
export function homePaths(home: string) {
  return {
    home,
    ownerKey: join(home, 'owner.key'),
    /** The pin of the control plane of this home, for the programs that call it. */
    controlPin: join(home, 'control.pin'),
    config: join(home, 'config.yaml'),
    models: join(home, 'models.yaml'),
    /** Routing rules of the control plane of this home. */
    routes: join(home, 'routes.yaml'),
    keys: join(home, 'keys'),
    /** What commands get by handles, a file for each. */
    secrets: join(home, 'secrets'),
    /** Where optional libraries are installed: the one of local models, and the client of S3. */
    llama: join(home, 'llama'),
    s3: join(home, 's3'),
    journal: join(home, 'journal'),
    blobs: join(home, 'blobs'),
    previews: join(home, 'previews'),
    temporaries: join(home, 'temporaries'),
    piped: join(home, 'piped'),
    changes: join(home, 'changes'),
    /** Calls that are at work now. */
    inHand: join(home, 'in-hand'),
    index: join(home, 'state.db'),
    summaries: join(home, 'summaries.json'),
    device: join(home, 'device.json'),
    /** Keys with which this home answers approvals of boxes elsewhere. */
    paired: join(home, 'paired.json'),
    control: join(home, 'control'),
    /** What `up` or `control` wrote when it was ready: where the control plane listens. */
    controlInfo: join(home, 'control', 'ready.json'),
    /** What shows to the listener of metrics who may be told. */
    metricsKey: join(home, 'control', 'metrics.key'),
    logs: join(home, 'logs'),
    /** What the workers of this home say of themselves. */
    workers: join(home, 'workers'),
    /** The owner's socket. */
    socket: join(home, 'edge.sock'),
  } as const;
}
