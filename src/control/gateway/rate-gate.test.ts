// Calls are counted by the key that makes them; a refusal says what is limited, when to come again, and where the limit is set.
import { createContextValues } from '@connectrpc/connect';
import { expect, test } from 'vitest';
import { RunService } from '../../../gen/bowline/control/v1/run_service_pb.ts';
import { StatusService } from '../../../gen/bowline/control/v1/status_service_pb.ts';
import { RetryInfoSchema } from '../../../gen/google/rpc/error_details_pb.ts';
import { silentLogger } from '../../base/logger.ts';
import { toConnectError } from '../../contract/errors.ts';
import type { Principal } from '../identity/principal.ts';
import { memoryCounters, rateLimiter } from '../queue/rate-limiter.ts';
import { ratesOf } from '../share-settings.ts';
import { principalKey } from './call-principal.ts';
import { rateGate } from './rate-gate.ts';

const owner = (id: string, tenant = 't') => ({ kind: 'owner', tenant, id, name: id, scopes: {} }) as Principal;

function start(...texts: string[]) {
  const rates = ratesOf(texts);
  const gate = rateGate({ rates, limiter: rateLimiter(rates, memoryCounters, silentLogger) });
  return async (principal: Principal | undefined, method: object = RunService.method.ask) => {
    const contextValues = createContextValues().set(principalKey, principal);
    const next = async () => 'answered' as never;
    try {
      return (await gate(next)({ contextValues, method } as never)) as unknown as string;
    } catch (error) {
      return toConnectError(error);
    }
  };
}

test('a key that asks too often is told when to come again, in words and for programs; others are unharmed', async () => {
  const call = start('asks=2/60');
  expect([await call(owner('a')), await call(owner('a'))]).toEqual(['answered', 'answered']);
  const refused = (await call(owner('a'))) as ReturnType<typeof toConnectError>;
  expect(refused.rawMessage).toMatch(
    /^asks of one key are limited to 2 in 60 s; try again in \d+ ms, or raise asks in BOWLINE_RATES on every replica$/,
  );
  const [later] = refused.findDetails(RetryInfoSchema);
  expect(Number(later?.retryDelay?.seconds)).toBeGreaterThan(50);
  expect([
    await call(owner('b')),
    await call(owner('a', 'u')),
    await call(owner('a'), StatusService.method.getStatus),
  ]).toEqual(['answered', 'answered', 'answered']);
});

test('calls count all methods; devices and workers are never refused for their number', async () => {
  const call = start('calls=1/60');
  expect(await call(owner('a'), StatusService.method.getStatus)).toBe('answered');
  expect(await call(owner('a'))).toMatchObject({ code: 8 });
  for (const kind of ['device', 'worker'])
    for (let n = 0; n < 3; n++) expect(await call({ ...owner('a'), kind } as Principal)).toBe('answered');
  expect(await call(undefined)).toBe('answered');
});

test('without a rate nothing is counted', async () => {
  const call = start();
  for (let n = 0; n < 9; n++) expect(await call(owner('a'))).toBe('answered');
});
