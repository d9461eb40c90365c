import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { JobAssignmentSchema, WorkerHelloSchema } from '../../../gen/bowline/worker/v1/worker_pb.ts';
import { FrameCounter } from '../../contract/session/frames.ts';
import type { Rest } from '../routing/circuit.ts';
import { misfit } from '../routing/fit.ts';
import { LiveWorker, type WorkerBody } from './live-worker.ts';
import { type PeerQueue, peerQueue } from './peer-queue.ts';

function start(slots: number, restOf: () => Rest | undefined = () => undefined) {
  const out: PeerQueue<WorkerBody> = peerQueue<WorkerBody>({
    counter: new FrameCounter(),
    maxQueuedFrames: 1_000,
    maxQueuedBytes: 64 << 20,
    onSent: (body, seq) => worker.numbered(body, seq),
  });
  const hello = create(WorkerHelloSchema, { name: 'w', slots });
  const parts = { key: 'k', tenants: ['*'], pool: 'default', replica: 'r', maxFrameBytes: 64 << 10, now: 0, restOf };
  const worker = new LiveWorker({ ...parts, hello, out });
  const frames = out.frames();
  const job = create(JobAssignmentSchema, { dispatchId: 'a/0/0-1' });
  return { worker, out, frames, job };
}

test('a number that the worker told before it received a job does not give that slot away twice', async () => {
  const { worker, frames, job } = start(2);
  worker.credits(2, 0n);
  worker.reserve(1);
  expect(worker.view().freeSlots).toBe(1);
  worker.assign(job, 1);
  await frames.next();
  expect(worker.view().freeSlots).toBe(1);
  worker.credits(2, 0n);
  expect([worker.view().freeSlots, worker.busy]).toEqual([1, 1]);
  worker.credits(1, 1n);
  expect(worker.view().freeSlots).toBe(1);
  worker.credits(9, 1n);
  expect(worker.view().freeSlots).toBe(2);
  worker.draining = true;
  expect(worker.view().freeSlots).toBe(0);
});

test('a worker whose attempts fail gets nothing, then one job at a time; what it could serve waits and is told why', () => {
  let rest: Rest | undefined = { phase: 'open', until: 5_000, reason: 'GPU_LOST', who: 'it' };
  const { worker } = start(3, () => rest);
  worker.credits(3, 0n);
  const need = { capability: 'c', method: '', tenant: 't', selector: {}, recipients: [], slots: 1 };
  const against = () => misfit(need, { ...worker.view(), packages: [{ package: 'c', methods: [] }] });
  expect(against()).toEqual({
    kind: 'rests',
    why: 'rests until 00:00:05 UTC because it fails its attempts (GPU_LOST)',
    permanent: false,
  });
  rest = { ...rest, phase: 'half-open' };
  expect(against()).toBeUndefined();
  const giveBack = worker.reserve(1);
  expect(against()?.why).toBe('is tried with one job at a time because it fails its attempts (GPU_LOST)');
  giveBack();
  rest = undefined;
  worker.reserve(1);
  expect(worker.view().freeSlots).toBe(2);
});

test('a reserved slot that is not used is given back, and a job that no frame can hold is refused', () => {
  const { worker, job, out } = start(1);
  worker.credits(1, 0n);
  const giveBack = worker.reserve(1);
  expect(worker.view().freeSlots).toBe(0);
  expect(() => worker.assign({ ...job, params: new Uint8Array(64 << 10) }, 1)).toThrow('over the limit');
  giveBack();
  expect(worker.view().freeSlots).toBe(1);
  out.end();
  expect(() => worker.assign(job, 1)).toThrow('closed');
});

test('however frames of both sides cross, a worker never gets more jobs than it has slots', async () => {
  const step = fc.constantFrom('assign', 'send', 'receive', 'finish', 'tell', 'hear');
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 3 }),
      fc.array(step, { minLength: 30, maxLength: 150 }),
      async (slots, steps) => {
        const { worker, frames, job, out } = start(slots);
        // The worker's side: what it has, what it has received, what it told and nobody heard yet.
        let [busy, received, assigned] = [0, 0n, 0];
        const told = [{ free: slots, ack: 0n }];
        const onTheWay: bigint[] = [];
        for (const each of steps) {
          if (each === 'assign' && worker.view().freeSlots > 0) {
            worker.reserve(1);
            worker.assign(job, 1);
            assigned++;
          } else if (each === 'send' && assigned > 0) {
            onTheWay.push((await frames.next()).value!.header!.seq);
            assigned--;
          } else if (each === 'receive' && onTheWay.length > 0) {
            received = onTheWay.shift()!;
            busy++;
            expect(busy).toBeLessThanOrEqual(slots);
          } else if (each === 'finish' && busy > 0) {
            busy--;
          } else if (each === 'tell') {
            told.push({ free: slots - busy, ack: received });
          } else if (each === 'hear') {
            const next = told.shift();
            if (next) worker.credits(next.free, next.ack);
          }
        }
        out.end();
      },
    ),
    { numRuns: 300 },
  );
});
