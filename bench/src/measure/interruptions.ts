// What becomes of a run that is interrupted: how long a cancel takes from the client to the stopped handler, and how long after the
// replica that holds it was killed its next token comes.
import { startControl, workerKey } from '../harness/lab.ts';
import { sharedNow } from '../harness/load.ts';
import { type Bench, type Measure, ofRounds } from '../harness/measure.ts';
import { percentile } from '../harness/stats.ts';

export const cancel: Measure = {
  name: 'cancel',
  what: 'a cancel, from the client to the stopped handler',
  prepare: ({ lab }: Bench) => lab.replicas(),
  run: async ({ lab, quick }: Bench) => {
    const [stack] = await lab.replicas();
    const [worker, caller] = [await lab.agent('slow-worker'), await lab.agent('caller')];
    await worker.call('connect', { url: stack.url, key: workerKey(stack.home) });
    await caller.call('connect', { url: stack.url, ownerKey: stack.ownerKey });
    const times: number[] = [];
    const once = async (): Promise<number> => {
      await caller.call('begin');
      const told = await caller.call<number>('cancel');
      return (await worker.call<number>('stopped')) - told;
    };
    for (let warm = quick ? 10 : 20; warm > 0; warm--) await once();
    for (let n = quick ? 100 : 500; n > 0; n--) times.push(await once());
    await worker.stop();
    const row = (p: number) => ({
      measure: 'cancel',
      what: `cancel, client to stopped handler, p${p} of ${times.length}`,
      ours: ofRounds('Bowline', 'ms', [percentile(times, p)]),
      peers: [],
    });
    return [row(50), row(99)];
  },
};

export const recovery: Measure = {
  name: 'recovery',
  what: 'kill -9 of the replica that holds a run, until its next token',
  prepare: ({ lab }: Bench) => lab.replicas(),
  run: async ({ lab, quick }: Bench) => {
    let [holder, other] = await lab.replicas();
    const [worker, caller] = [await lab.agent('slow-worker'), await lab.agent('caller')];
    const { ownerKey } = holder;
    await worker.call('connect', { url: holder.url, key: workerKey(holder.home) });
    const times: number[] = [];
    for (let round = quick ? 3 : 8; round > 0; round--) {
      await caller.call('connect', { url: other.url, ownerKey });
      await caller.call('begin');
      await worker.call('go', { to: other.url });
      const killed = sharedNow();
      const came = caller.call<number>('textAfter', { moment: killed });
      holder.running('control').child.kill('SIGKILL');
      times.push((await came) - killed);
      await caller.call('cancel');
      // The worker is with the other one now, which is killed next.
      await startControl(holder);
      [holder, other] = [other, holder];
    }
    await worker.stop();
    const row = { measure: 'recovery', what: 'kill of the replica that holds a run, until its next token' };
    return [{ ...row, ours: ofRounds('Bowline', 'ms', times), peers: [] }];
  },
};
