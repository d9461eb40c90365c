// A provider that asks for a pause gets it from every worker that uses it, here and as the other replicas are told, and no longer.
import { create } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { FailureSchema } from '../../../../gen/bowline/common/v1/common_pb.ts';
import { ManualClock } from '../../../../test/support/manual-clock.ts';
import { workerView } from '../../../../test/support/worker-view.ts';
import { explain } from '../../routing/explain.ts';
import type { JobNeed, WorkerView } from '../../routing/worker-view.ts';
import { ProviderPauses } from './provider-pauses.ts';

const LLM = 'bowline.capability.llm.v1';
const need: JobNeed = { capability: LLM, method: 'Chat', tenant: 't', selector: {}, recipients: [], slots: 1 };
const worker = (provider: string, more: Partial<WorkerView> = {}): WorkerView =>
  workerView(provider, { provider, locality: 'remote', freeSlots: 4, totalSlots: 4, ...more });

function start() {
  const clock = new ManualClock();
  const told: unknown[] = [];
  const pauses = new ProviderPauses({
    clock,
    onOver: () => told.push('over'),
    onPaused: (...all) => told.push(all),
  });
  const limited = (ms: number | undefined, reason = 'PROVIDER_RATE_LIMITED', provider = 'openai') =>
    pauses.ended(worker(provider), {
      case: 'failure',
      value: create(FailureSchema, { reason, ...(ms === undefined ? {} : { retryAfter: durationFromMs(ms) }) }),
    });
  const free = (provider: string, more = {}) => pauses.see(worker(provider, more)).freeSlots;
  return { clock, told, pauses, limited, free };
}

test('all workers of the provider pause, those of others do not; when it is over, what waited goes', () => {
  const { clock, told, limited, free } = start();
  limited(20_000);
  expect([free('openai'), free('anthropic'), free('openai', { locality: 'local' })]).toEqual([0, 4, 4]);
  // Others have keys of their own there.
  expect(free('openai', { tenants: ['t'] })).toBe(4);
  limited(5_000);
  clock.advance(19_999);
  expect([free('openai'), told]).toEqual([0, [['openai *', 20_000]]]);
  clock.advance(1);
  expect([free('openai'), told]).toEqual([4, [['openai *', 20_000], 'over']]);
});

test('a pause that is not said is a second, none is longer than five minutes, and other failures are none', () => {
  const { clock, told, limited, free } = start();
  limited(undefined, 'PROVIDER_AWAY');
  expect(free('openai')).toBe(4);
  limited(undefined);
  limited(86_400_000, undefined, 'anthropic');
  expect(told).toEqual([
    ['openai *', 1_000],
    ['anthropic *', 300_000],
  ]);
  clock.advance(1_000);
  expect([free('openai'), free('anthropic')]).toEqual([4, 0]);
});

test('what waits for it is told so, with the time that is left', () => {
  const { clock, pauses, limited } = start();
  limited(20_000);
  clock.advance(5_000);
  expect(explain(need, pauses.seeAll([worker('openai')]))).toEqual({
    never: false,
    summary: `${LLM} Chat waits for openai, which takes no more requests for another 15 s.`,
    workers: ['openai uses openai, which takes no more requests for another 15 s.'],
  });
  expect(explain(need, pauses.seeAll([worker('openai'), worker('other', { freeSlots: 0 })])).summary).toContain(
    'free slot',
  );
});
