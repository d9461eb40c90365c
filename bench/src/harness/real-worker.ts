// A worker with the real loop, in the process of an agent.
import { systemClock } from '../../../src/base/clock.ts';
import { newId } from '../../../src/base/ids.ts';
import { silentLogger } from '../../../src/base/logger.ts';
import { splitKey } from '../../../src/base/pin.ts';
import { Secret } from '../../../src/base/secret.ts';
import type { Handler } from '../../../src/worker/kit/handler.ts';
import { WorkLoop } from '../../../src/worker/loop/work-loop.ts';
import { grpcConnector } from '../../../src/worker/loop/worker-transport.ts';

export interface RealWorker {
  readonly name: string;
  readonly slots: number;
  readonly model: Handler;
  /** As `workers create-key` prints it. */
  readonly key: string;
  /** Where its next session goes. */
  readonly url: () => string;
}

/** Resolves when it is connected. */
export async function startRealWorker({ name, slots, model, key: text, url }: RealWorker): Promise<void> {
  const { key, pin } = splitKey(text);
  const secret = new Secret(key);
  const loop = new WorkLoop({
    name,
    slots,
    handlers: [model],
    connect: () => grpcConnector({ control: url(), key: secret, pins: pin ? [pin] : [] })(),
    clock: systemClock,
    log: silentLogger,
    bootId: newId(),
  });
  await loop.ready;
}
