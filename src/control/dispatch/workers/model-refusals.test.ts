import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { ResponsesSchema } from '../../../../gen/bowline/event/v1/event_pb.ts';
import { AppError } from '../../../base/errors.ts';
import { toFailure } from '../../../contract/errors.ts';
import { ModelRefusals } from './model-refusals.ts';

const LLM = { tenant: 't', capability: 'bowline.capability.llm.v1' };
const done = { case: 'done', value: create(ResponsesSchema, {}) } as const;
const failed = (error: AppError) => ({ case: 'failure', value: toFailure(error) }) as const;
const refused = failed(new AppError('PROVIDER_KEY_MISSING', { model: 'openai', problem: 'HTTP 401' }));

test('a key that is refused is known for its tenant until a model answers again; what passes by itself is not', () => {
  let changes = 0;
  const refusals = new ModelRefusals(() => changes++);
  refusals.ended(LLM, failed(new AppError('PROVIDER_UNAVAILABLE', { provider: 'openai', problem: 'HTTP 500' })));
  expect(refusals.of('t')).toBeUndefined();
  refusals.ended(LLM, refused);
  expect([refusals.of('t')?.reason, refusals.of('other')]).toEqual(['PROVIDER_KEY_MISSING', undefined]);
  refusals.ended({ ...LLM, capability: 'bowline.capability.embed.v1' }, done);
  expect(refusals.of('t')?.reason).toBe('PROVIDER_KEY_MISSING');
  refusals.ended(LLM, done);
  expect(refusals.of('t')).toBeUndefined();
  expect(changes).toBe(2);
});
