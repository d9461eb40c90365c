// The owner's socket of a home, for both ends: its name is judged and used through the opened folder, so that the folder that was
// judged is the one that is used, and its path may be as long as the file system lets it be.
import { closeSync, constants, existsSync, fstatSync, lstatSync, openSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { AppError } from '../../base/errors.ts';
import { isOurs } from '../../base/private-file.ts';

/** The longest path of a unix socket that Linux (108) and macOS (104) both take, with its terminating zero. */
const MAX_PATH = 100;

export interface HomeSocket {
  /** What to listen on or to connect to; good until it is closed. */
  readonly address: string;
  close(): void;
}

/**
 * Opens the folder of a socket. Throws SOCKET_UNSAFE when somebody else owns it or may write to it, and the system's error
 * when it is not there.
 */
export function openSocketFolder(path: string): HomeSocket {
  const folder = dirname(path);
  // A link is judged by what it leads to; but whoever owns it may lead elsewhere next time.
  const { uid: linkUid } = lstatSync(folder);
  if (!isOurs(linkUid))
    throw unsafe(path, `its folder ${folder} belongs to the user ${linkUid}; choose another --home`);
  const handle = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const { uid, mode } = fstatSync(handle);
    if (!isOurs(uid))
      throw unsafe(path, `its folder ${folder} belongs to the user ${uid}; choose another home with --home`);
    if ((mode & 0o022) !== 0) throw unsafe(path, `others can write to its folder ${folder}; \`chmod go-w\` it`);
    const through = `/proc/self/fd/${handle}`;
    const address = existsSync(through) ? join(through, basename(path)) : path;
    if (Buffer.byteLength(address) > MAX_PATH) {
      const problem = `its path is longer than the ${MAX_PATH} bytes that this system takes; choose a shorter --home`;
      throw unsafe(path, `${problem} (a symbolic link will do)`);
    }
    return { address, close: () => closeSync(handle) };
  } catch (error) {
    closeSync(handle);
    throw error;
  }
}

/**
 * Connects to the owner's socket, if it is one that only its owner can have made. Throws SOCKET_UNSAFE; nobody there is the
 * system's error. Node cannot ask the kernel for the user of the other side: what it asks instead is whose the folder and the
 * socket are, and only their owner and root can listen there.
 */
export function dialHomeSocket(path: string): Promise<Socket> {
  const folder = openSocketFolder(path);
  return new Promise<Socket>((resolve, reject) => {
    const found = lstatSync(folder.address);
    if (!found.isSocket()) throw unsafe(path, 'something else has its name');
    if (!isOurs(found.uid))
      throw unsafe(path, `it belongs to the user ${found.uid}; remove it and start the edge again`);
    const socket = connect(folder.address);
    // It stays, also for what happens before the next owner listens.
    socket.on('error', reject);
    socket.once('connect', () => resolve(socket));
  }).finally(() => folder.close());
}

const unsafe = (path: string, problem: string) => new AppError('SOCKET_UNSAFE', { path, problem });
