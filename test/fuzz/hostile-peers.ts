// Plays hostile connections against a listener of this process and judges what is left: nothing escaped, nothing was a fault,
// and an honest peer is served.
import type { NetConnectOpts } from 'node:net';
import { connect } from 'node:net';
import { FLAG, FRAME, frame, heard } from '../support/h2-frames.ts';
import type { FuzzTarget, Random } from './fuzz.ts';
import { hostileBytes, type Known } from './hostile-connection.ts';

export interface Attacked {
  readonly at: NetConnectOpts;
  readonly known: Known;
  /** Lines of the log that tell of faults; told once. */
  readonly faults: () => readonly string[];
  /** An honest call; rejects when it is not served. */
  readonly honest: () => Promise<unknown>;
  readonly close: () => Promise<void>;
}

/** Bounds of waits; neither is a figure that is judged. */
const ANSWER_MS = 100;
const HONEST_MS = 20_000;

export function attack({ at, known, faults, honest, close }: Attacked): FuzzTarget {
  const escaped: unknown[] = [];
  const note = (error: unknown) => void escaped.push(error);
  process.on('uncaughtException', note);
  return {
    round: async (random) => {
      await hostilePeer(random, at, known);
      await within(HONEST_MS, honest());
      if (escaped.length > 0) throw new Error('an exception reached the process', { cause: escaped.splice(0)[0] });
      const [fault] = faults();
      if (fault !== undefined) throw new Error(`a request failed in a way that was not expected: ${fault}`);
    },
    close: async () => {
      process.off('uncaughtException', note);
      await close();
    },
  };
}

async function hostilePeer(random: Random, at: NetConnectOpts, known: Known): Promise<void> {
  const socket = connect(at);
  socket.on('error', () => {});
  const pieces = hostileBytes(random, known);
  const apart = random.chance(0.3);
  if (apart) for (const piece of pieces) socket.write(piece);
  else socket.write(Buffer.concat(pieces));
  socket.write(frame(FRAME.ping, 0, 0, Buffer.alloc(8)));
  const leaves = random.chance(0.2);
  if (!leaves) await heard(socket, FRAME.ping, FLAG.ack, ANSWER_MS);
  if ('port' in at && random.chance(0.5)) socket.resetAndDestroy();
  else socket.destroy();
}

async function within(ms: number, call: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('an honest call was not answered')), ms);
  });
  await Promise.race([call, late]).finally(() => clearTimeout(timer));
}
