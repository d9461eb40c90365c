// Where things lie in a home folder. Names paths only; it never creates or reads them.
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** The home: `--home`, else BOWLINE_HOME, else `~/.bowline`; always absolute. */
export function homeFolder(flag: string | undefined, env: Readonly<Record<string, string | undefined>>): string {
  return resolve(flag ?? (env.BOWLINE_HOME || join(homedir(), '.bowline')));
}

/** Every path of a home that more than one program knows. */
export function homePaths(home: string) {
  return {
    home,
    ownerKey: join(home, 'owner.key'),
    /** The pin of the control plane of this home, for the programs that call it. */
    controlPin: join(home, 'control.pin'),
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
    /** The owner's socket. */
    socket: join(home, 'edge.sock'),
  } as const;
}
