// An edge under a hostile control plane: every field of every frame that it is sent after Welcome. The session that a frame did not end
// by contract goes on, and an ask beside it is asked and answered.
import { ConnectResponseSchema } from '../../gen/bowline/edge/v1/edge_pb.ts';
import { RunState } from '../../gen/bowline/run/v1/run_pb.ts';
import { startEdge, tempHome, until } from '../edge/support/edge-parts.ts';
import { type Peer, ScriptedControl } from '../edge/support/scripted-control.ts';
import type { Fuzz } from './fuzz.ts';
import { casesOf, hostileMessage } from './hostile-message.ts';

/** Frames that end a session by contract, or for good. */
const ENDING = new Set(['welcome', 'drain']);
const FINAL = 'superseded';
const MOST_MEMORY = 200 << 20;

export const framesEdgeFuzz: Fuzz = {
  name: 'frames-edge',
  open: async () => {
    const control = await ScriptedControl.start();
    const place = tempHome();
    const edge = await startEdge(place.home, control);
    let peer: Peer = await control.welcome();
    const before = process.memoryUsage().rss;
    const cases = casesOf(ConnectResponseSchema).filter((each) => each !== FINAL);
    return {
      round: async (random) => {
        const kind = random.pick(cases);
        const { run } = await edge.ask('an innocent ask');
        const event = await peer.next('ask');
        const known = { job: `${run}/1/0`, epoch: 1n, offset: 0n };
        peer.send(hostileMessage(ConnectResponseSchema, random, { known }, kind).frame as never);
        if (ENDING.has(kind)) {
          peer = await control.welcome();
          await peer.next('ask');
        }
        peer.send({ case: 'askVerdict', value: { run, sequence: event.sequence } });
        peer.send({ case: 'runEnded', value: { run, outcome: { state: RunState.ANSWERED, answer: 'well' } } });
        await until(
          () => edge.ended.includes(run),
          `the end of the innocent run after ${kind}; ${edge.lines.slice(-3).join(' ')}`,
        );
        if (peer.ended) throw new Error('the session ended');
      },
      close: async () => {
        await edge.stop();
        await control.close();
        place.dispose();
        const grown = process.memoryUsage().rss - before;
        if (grown > MOST_MEMORY) throw new Error(`${Math.round(grown / 1e6)} MB more than before`);
      },
    };
  },
};
